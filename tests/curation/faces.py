"""Synthetic candidates without images."""

from typing import Any

import numpy as np

from gfpipe.curation.candidates import Candidates


def candidates(count: int, seed: int = 0, **columns: Any) -> Candidates:
    """Distinct random faces; `columns` replaces columns by a value, or one per face."""
    random = np.random.default_rng(seed)
    indices = np.arange(count)
    values: dict[str, Any] = {
        "path": np.array([f"crops/{index // 50}.parquet" for index in indices], np.str_),
        "row": indices % 50,
        "p_female": random.random(count),
        "recording_id": np.array([f"r{index // 50}" for index in indices], np.str_),
        "programme": np.array([f"p{index // 50}" for index in indices], np.str_),
        "channel": np.full(count, "tv"),
        "track": np.full(count, -1),
        "sample_index": indices % 50,
        "face_index": np.zeros(count, np.int64),
        "config_digest": np.full(count, "d"),
        "face_pixels": np.full(count, 60.0),
        "hour": np.full(count, 20),
        "fingerprint": random.integers(0, 2**64, count, np.uint64),
    }
    types = {name: column.dtype for name, column in values.items()}
    for name, value in columns.items():
        column = np.broadcast_to(np.asarray(value), (count,))
        values[name] = column if types[name].kind == "U" else column.astype(types[name])
    return Candidates(**values)


def archive(count: int, seed: int) -> Candidates:
    """A realistic archive: uneven channels, programmes of one hour, more men, tracks, reruns, confident models."""
    random = np.random.default_rng(seed)
    programme = random.zipf(1.6, count) % 23
    recording = programme * 10 + random.integers(0, 4, count)
    logit = np.where(random.random(count) < 0.3, 1, -1) * random.gamma(3, 1.5, count)
    rerun = random.random(count) < 0.1
    prints = random.integers(0, 2**64, count, np.uint64)
    prints[rerun] = prints[random.integers(0, count, rerun.sum())] ^ np.uint64(0b101)
    return candidates(
        count,
        p_female=1 / (1 + np.exp(-logit)),
        channel=np.array([f"tv{number % 3}" for number in programme], np.str_),
        programme=np.array([f"p{number}" if number else "" for number in programme], np.str_),
        recording_id=np.array([f"r{number}" for number in recording], np.str_),
        path=np.array([f"crops/r{number}.parquet" for number in recording], np.str_),
        row=np.arange(count),
        sample_index=np.arange(count),
        track=np.where(random.random(count) < 0.7, recording * 1000 + random.integers(0, 50, count), -1),
        face_pixels=np.where(random.random(count) < 0.05, np.nan, random.gamma(3, 25, count)),
        hour=np.where(programme == 5, -1, programme % 24),
        fingerprint=prints,
    )
