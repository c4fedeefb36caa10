"""Made-up faces and models whose errors are known."""

import numpy as np

from gfpipe.evaluation.answers import Answers, Floats, Labels, Trial

ETHNICITIES = ("asian", "black", "indian", "other", "white")


def labels(faces: int, seed: int = 0) -> Labels:
    """People of all ages and ethnicities, in equal parts."""
    rng = np.random.default_rng(seed)
    return Labels(
        names=np.array([f"faces/{number:05}.jpg" for number in range(faces)]),
        female=rng.random(faces) < 0.5,
        age_years=rng.integers(0, 90, faces).astype(np.float64),
        ethnicity=rng.choice(ETHNICITIES, faces),
    )


def answers(of: Labels, model_id: str = "model", undetected: int = 0, noise: float = 1.5, seed: int = 1) -> Answers:
    """A model whose logits are normal around 2 for women and -2 for men."""
    rng = np.random.default_rng(seed)
    p_female = 1 / (1 + np.exp(-(np.where(of.female, 2, -2) + noise * rng.normal(size=len(of)))))
    p_female[rng.permutation(len(of))[:undetected]] = np.nan
    return Answers(model_id, p_female)


def trial(faces: int = 400, models: tuple[str, ...] = ("first", "second")) -> Trial:
    """Models side by side, each missing three faces."""
    of = labels(faces)
    return Trial(
        "benchmark",
        "detector",
        of,
        tuple(answers(of, model, undetected=3, seed=seed) for seed, model in enumerate(models, start=1)),
    )


def of_labels(said: list[str]) -> Floats:
    """``female``, ``male`` or anything else, for no answer, as p_female."""
    return np.array([{"female": 1.0, "male": 0.0}.get(each, np.nan) for each in said])
