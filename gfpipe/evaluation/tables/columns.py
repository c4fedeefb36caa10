"""Columns and footnotes that several evaluation tables share."""

from typing import Final

from gfpipe.evaluation.measures.resampling import DRAWS
from gfpipe.evaluation.measures.subgroups import MIN_GROUP_FACES
from gfpipe.formats import COUNT, POINTS, RATE
from gfpipe.tables import Column

DATA, MODEL, FACES = Column("data", "data"), Column("model", "model"), Column("faces", "faces", COUNT)
UNDETECTED: Final = Column("undetected", "undetected", COUNT)
ACCURACY: Final = Column("accuracy", "accuracy, %", RATE)
GAP: Final = Column("gap", "gap, points", POINTS)
FALSE_POSITIVES: Final = Column("false_positive_rate", "FPR, %", RATE)
FALSE_NEGATIVES: Final = Column("false_negative_rate", "FNR, %", RATE)

INTERVALS: Final = f"In brackets 95 % bootstrap intervals ({DRAWS:,} draws)."
ERRORS: Final = "Undetected faces count as errors."
UNWEIGHTED: Final = f"Unweighted, over groups of {MIN_GROUP_FACES} faces or more"
