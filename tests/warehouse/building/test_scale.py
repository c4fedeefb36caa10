"""Large lakes are made of the same stuff as small ones: the generator's own lake is in order."""

from pathlib import Path

import pytest

from tests.warehouse.building import scale
from tests.warehouse.houses import one_row, published


def test_a_made_up_lake_passes_every_check_and_its_labels_meet_its_faces(tmp_path: Path) -> None:
    scale.write(tmp_path, faces=14_000, channels=2, months=2, labels=400)
    with published(tmp_path) as db:
        assert db.check() == ()
        row = one_row(db, "select sum(faces) as faces, count(*) as recordings from screen_time")
        labels = one_row(db, "select count(*) as labels, avg((face_index is null)::int) as missed from labelled_faces")
        recall = one_row(db, "from detector_recall where channel = 'all'")
    assert row == {"faces": pytest.approx(14_000, rel=0.1), "recordings": 4}
    assert labels == {"labels": pytest.approx(400, rel=0.2), "missed": pytest.approx(0.1, abs=0.05)}
    assert recall["share_recall_corrected"] == pytest.approx(recall["share_female_face_time"], abs=0.05)
