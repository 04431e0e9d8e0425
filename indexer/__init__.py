"""A catalogue becomes vectors in Qdrant."""
