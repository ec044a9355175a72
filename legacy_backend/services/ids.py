from legacy_backend.models.base import is_id
from legacy_backend.services.errors import NotFoundError


def require_id(text: str, refusal: str) -> str:
    """The id as it came. Raises NotFoundError with the refusal for what cannot be the id of anything."""
    if not is_id(text):
        raise NotFoundError(refusal)
    return text
