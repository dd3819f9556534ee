"""What energy costs. Cumulative pricing: the charge is the cost of the total so far, less what was charged already."""

from prepaid.domain.tariffs.cumulative import Priced, price
from prepaid.domain.tariffs.flat import FlatTariff

__all__ = ["FlatTariff", "Priced", "price"]
