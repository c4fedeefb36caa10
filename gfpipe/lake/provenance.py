"""The configuration that wrote the rows of a shard, and its digest."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from gfpipe.lake import schema

# Incremented whenever the same file and models would give other rows than before. `reclassify` brings rows of earlier
# methods up to date, since samples and faces are the same in all of them: those of 3 and 4 to within an IoU of 0.9.
METHOD: Final = 4
_KINDS: Final[dict[str, Any]] = {"every_seconds": float, "min_score": float, "programme": int}  # others are text
# Sampling of faces imported from another program: their frames cannot be decoded again.
IMPORTED: Final = "imported"
# Counting thresholds were part of the digest before they were applied when publishing. The defaults of that time stay
# in it, so that those shards are not stale.
_COUNTED: Final = {"min_face": 24.0, "min_score": 0.9}


@dataclass(frozen=True)
class Provenance:
    """Configuration that wrote rows: columns of ``recordings``, metadata of shards. Create it with :meth:`of`.

    ``programme`` is the number of the programme to be read of transport streams with several, if it was chosen.
    """

    config_digest: str
    sampling: str
    every_seconds: float
    detector_id: str
    detector_sha256: str
    classifier_id: str
    classifier_sha256: str
    min_score: float = _COUNTED["min_score"]  # from which faces are stored; lakes of METHOD 1 do not say
    programme: int | None = None

    @classmethod
    def of(cls, **facts: Any) -> "Provenance":
        """Create it from all fields except the digest, which is computed."""
        content = _chosen(facts) | _COUNTED | {"method": METHOD, "schema": schema.VERSION}
        digest = hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=8).hexdigest()
        return cls(config_digest=digest, **facts)

    @classmethod
    def parse(cls, metadata: Mapping[str, str]) -> "Provenance":
        """Create it from :attr:`metadata`, of a shard: other entries are ignored."""
        names = metadata.keys() & {field.name for field in fields(cls)}
        return cls(**{name: _KINDS.get(name, str)(metadata[name]) for name in names})

    @property
    def metadata(self) -> dict[str, str]:
        """The fields as text, without those that are not set."""
        return {name: str(value) for name, value in _chosen(vars(self)).items()}

    def same_faces(self, other: "Provenance") -> bool:
        """Whether both configurations store the same samples and faces, whatever classifies these."""
        return self == other or other.under(self.classifier_id, self.classifier_sha256) == self

    def under(self, classifier_id: str, classifier_sha256: str) -> "Provenance":
        """The same configuration under another classifier and the current method."""
        facts = vars(self) | {"classifier_id": classifier_id, "classifier_sha256": classifier_sha256}
        return Provenance.of(**{name: value for name, value in facts.items() if name != "config_digest"})


def _chosen(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts that are set: what is not chosen is not part of a configuration."""
    return {name: value for name, value in facts.items() if value is not None}
