"""Every error that gfpipe raises on purpose; what vendors raise is wrapped at the edge.

A message names the file or the value that offends and says what to do about it.
"""


class GfpipeError(Exception):
    """The root: catch this to catch whatever gfpipe has to say."""


class UsageError(GfpipeError):
    """The caller asked for something that cannot be done as asked; the command line exits with 2."""


class TooFewFacesError(UsageError):
    """Too few labelled faces are left that no compared model was trained on: nothing can be decided."""


class RecordingError(GfpipeError):
    """One recording cannot be analysed, today or tomorrow: no retry will help."""


class ModelError(GfpipeError):
    """A model is unknown, cannot be fetched, or is not what its checksum promises."""


class UnknownModelError(ModelError, UsageError):
    """No model of that name is in the catalogue or in the models folder."""


class ChecksumError(ModelError):
    """What arrived is not what the catalogue promised."""


class FetchError(ModelError):
    """A source could not be reached, and nothing usable is in the models folder."""


class LakeError(GfpipeError):
    """The lake cannot be read or written: a full disk, a missing folder, a foreign schema."""


class TransientError(GfpipeError):
    """Something outside the recording failed (a worker died, a share went away): worth another try."""
