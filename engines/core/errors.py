"""What can go wrong, as sentences a person can act on.

- StudioError
  - ImageError: a picture cannot be read, is too large, or cannot be written
  - CardError: a model is unknown, damaged, or its weights cannot be fetched
  - OptionError: a value outside what a verb accepts
  - OutOfMemory: the device is full even after everything idle was evicted and tiles were halved
  - MediaError: a film or sound cannot be read or written
  - DatasetError: a folder or archive cannot be trained on
- Cancelled: the person pressed Cancel; not an error
"""


class StudioError(Exception):
    """Base of every error whose text is one clear sentence that tells the person what to do."""


class ImageError(StudioError):
    """A picture cannot be read, is too large, or cannot be written."""


class CardError(StudioError):
    """A model is unknown, damaged, or its weights cannot be fetched."""


class OptionError(StudioError):
    """A value lies outside what a verb accepts."""


class OutOfMemory(StudioError):
    """The device is full even after idle networks left it and tiles were halved."""


class MediaError(StudioError):
    """A film or sound cannot be read or written."""


class DatasetError(StudioError):
    """A folder or archive cannot be trained on."""


class Cancelled(Exception):
    """The person pressed Cancel. Raised by `Job.check`; never shown as an error."""
