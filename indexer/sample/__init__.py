"""A sample catalogue of phones and accessories, all invented, with the truth beside it."""

from .kinds import COLOURS
from .products import Role, SampleProduct
from .world import MINIMUM, sample_products
from .writing import SampleSummary, write_sample

__all__ = ["COLOURS", "MINIMUM", "Role", "SampleProduct", "SampleSummary", "sample_products", "write_sample"]
