"""Exceptions of gfpipe. Messages name the file or value, and a remedy."""


class GfpipeError(Exception):
    """Base class of all errors."""


class UsageError(GfpipeError):
    """An argument, option or setting is not valid; the command line exits with 2."""


class TooFewFacesError(UsageError):
    """Too few labelled faces are left that no compared model was trained on."""


class RecordingError(GfpipeError):
    """A recording cannot be analysed; retrying does not help."""


class ModelError(GfpipeError):
    """A model is unknown, cannot be downloaded or read, or has another checksum."""


class UnknownModelError(ModelError, UsageError):
    """No model of that name is in the catalogue or in the models folder."""


class ChecksumError(ModelError):
    """A file does not match its checksum."""


class FetchError(ModelError):
    """A model is not in the models folder and cannot be downloaded."""


class LakeError(GfpipeError):
    """The lake cannot be read or written: a full disk, a missing folder, another schema."""


class DiskFullError(LakeError):
    """No space is left on the disk of a file; nothing else can be written there either."""


class WorkerError(GfpipeError):
    """The work crashed its worker process, or took too much memory; retrying does not help."""


class StalledError(WorkerError):
    """The work made no progress, and its worker process was ended."""


class TransientError(GfpipeError):
    """A failure outside the recording, such as of a worker or a share; retrying may help."""
