"""Why the cluster makes no pod of a Job: what its admission says, and whether time mends it.

Source of the words: the API server's admission plugins (k8s.io/kubernetes, plugin/pkg/admission:
limitranger, resourcequota, serviceaccount; k8s.io/pod-security-admission).
"""

from __future__ import annotations

from typing import Final

_LIMITS: Final = (
    "change the node's resources, or have the namespace's LimitRange changed "
    "(kubectl describe limitranges)"
)
_LASTING: Final = (
    ("violates PodSecurity", "change what it names in the node's pod, or the namespace's level"),
    ("error looking up service account", "create that ServiceAccount"),
    (" usage per Container is ", _LIMITS),
    (" usage per Pod is ", _LIMITS),
    ("max limit to request ratio per ", _LIMITS),
    ("failed quota: ", "give the node resources, or the namespace a LimitRange with defaults"),
)
"""Words of refusals that stay until somebody changes something, and what to do about each. What
exceeds a quota is none of them: it may have room soon.
"""


def lasting_refusal(warning: str) -> str:
    """Return why no pod will be made however long one waits, and what to do about it.

    `warning` is that of the newest event about the Job; empty if it refuses nothing for good.
    """
    advice = next((advice for words, advice in _LASTING if words in warning), "")
    return f"{warning}; {advice}" if advice else ""
