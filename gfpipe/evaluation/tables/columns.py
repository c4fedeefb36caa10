"""Columns and footnotes that several evaluation tables share."""

from typing import Final

from gfpipe.evaluation.measures.resampling import DRAWS
from gfpipe.evaluation.measures.subgroups import MIN_GROUP_FACES
from gfpipe.output.formats import COUNT, NUMBER, POINTS, RATE
from gfpipe.output.tables import Column

DATA, MODEL, FACES = Column("data", "data"), Column("model", "model"), Column("faces", "faces", COUNT)
GROUP, GROUPS_BY = Column("group", "group"), Column("groups_by", "groups by")
UNDETECTED: Final = Column("undetected", "undetected", COUNT)
ACCURACY: Final = Column("accuracy", "accuracy, %", RATE)
WOMEN, MEN = Column("accuracy_female", "women, %", RATE), Column("accuracy_male", "men, %", RATE)
GAP: Final = Column("gap", "gap, points", POINTS)
BALANCED_ACCURACY: Final = Column("balanced_accuracy", "balanced accuracy, %", RATE)
ROC_AUC: Final = Column("roc_auc", "ROC AUC", NUMBER)
ERROR_RATES: Final = (Column("false_positive_rate", "FPR, %", RATE), Column("false_negative_rate", "FNR, %", RATE))
WORST, WORST_ACCURACY = Column("worst", "worst cell"), Column("worst_accuracy", "its accuracy, %", RATE)

INTERVALS: Final = f"In brackets 95 % bootstrap intervals ({DRAWS:,} draws)."
ERRORS: Final = "Undetected faces count as errors."
UNWEIGHTED: Final = f"Unweighted, over groups of {MIN_GROUP_FACES} faces or more"
