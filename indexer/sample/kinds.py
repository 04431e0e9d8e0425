"""The kinds of product the sample sells: one row of facts a kind."""

from dataclasses import dataclass

from .words import HUB_BRAND

DEPARTMENT = "Cell Phones & Accessories"

COLOURS = ("Black", "Blue", "Red", "Green", "Silver", "Purple", "White", "Gold")


@dataclass(frozen=True, slots=True)
class Kind:
    """What every product of one kind has in common.

    Args:
        name: The category in the truth.
        categories: The path below the department, broadest first.
        nouns: What sellers call it; the first is the usual word.
        styles: What tells one maker's product from another's, beside brand and line.
        options: The axes along which variants differ; two values of one axis differ in one word.
        prices: Lowest and highest usual price, in dollars.
        selling_points: Bullet points to choose from.
        fits_model: Whether its title names the phone it is made for.
    """

    name: str
    categories: tuple[str, ...]
    nouns: tuple[str, ...]
    styles: tuple[str, ...]
    options: tuple[tuple[str, ...], ...]
    prices: tuple[float, float]
    selling_points: tuple[str, ...]
    fits_model: bool


PHONE = Kind(
    "phone",
    ("Cell Phones", "Unlocked Cell Phones"),
    ("Smartphone", "Unlocked Smartphone", "Cell Phone"),
    ("Dual SIM", "4G LTE", "Factory Unlocked"),
    (("32GB", "64GB", "128GB", "256GB"), COLOURS),
    (149.0, 1199.0),
    ("Bright edge-to-edge display", "All-day battery", "Triple camera with night mode", "Works with every carrier"),
    fits_model=False,
)

ACCESSORIES = (
    Kind(
        "case",
        ("Accessories", "Cases"),
        ("Case", "Cover", "Protective Case"),
        ("Slim", "Rugged", "Wallet", "Bumper", "Leather", "Silicone"),
        (COLOURS,),
        (6.0, 39.0),
        ("Raised edges guard the screen", "Drop & scratch protection", "Precise cutouts", "Easy to snap on and off"),
        fits_model=True,
    ),
    Kind(
        "screen protector",
        ("Accessories", "Screen Protectors"),
        ("Screen Protector", "Screen Guard", "Display Protector"),
        ("Tempered Glass", "Matte Film", "Privacy Glass", "Full Cover Glass"),
        (("1 Pack", "2 Pack", "3 Pack", "5 Pack"),),
        (5.0, 19.0),
        ("9H hardness", "Bubble-free in a minute", "Alignment frame in the box", "Keeps touch response"),
        fits_model=True,
    ),
    Kind(
        "battery",
        ("Accessories", "Batteries"),
        ("Battery", "Replacement Battery"),
        ("Li-ion", "Extended", "High Capacity"),
        (("3000mAh", "3500mAh", "4000mAh", "5000mAh"),),
        (9.0, 35.0),
        ("Zero memory effect", "Overcharge protection", "Tools in the box"),
        fits_model=True,
    ),
    Kind(
        "wireless charger",
        ("Accessories", "Chargers", "Wireless Chargers"),
        ("Wireless Charger", "Charging Pad", "Wireless Charging Stand"),
        ("Fast", "Foldable", "Ultra Thin"),
        (("7W", "10W", "15W"),),
        (12.0, 49.0),
        ("Charges through most cases", "Stops when full", "Silent and cool"),
        fits_model=True,
    ),
    Kind(
        "holder",
        ("Accessories", "Mounts & Holders"),
        ("Car Mount", "Phone Holder", "Car Holder"),
        ("Magnetic", "Air Vent", "Dashboard", "Gooseneck"),
        (COLOURS[:4],),
        (8.0, 32.0),
        ("Turns to any angle", "One-hand release", "Holds on bumpy roads"),
        fits_model=True,
    ),
    Kind(
        "wall charger",
        ("Accessories", "Chargers", "Wall Chargers"),
        ("Wall Charger", "Power Adapter", "USB Charger"),
        ("Dual Port", "Compact", "Foldable Plug"),
        (("12W", "18W", "20W", "30W"),),
        (8.0, 34.0),
        ("Knows what your device needs", "Guards against surges", "Fits every pocket"),
        fits_model=False,
    ),
    Kind(
        "cable",
        ("Accessories", "Cables"),
        ("USB-C Cable", "Charging Cable", "USB-C Cord"),
        ("Braided", "Coiled", "Flat"),
        (("3ft", "6ft", "10ft"),),
        (5.0, 19.0),
        ("Bends 10,000 times", "Data & charge in one", "No tangles"),
        fits_model=False,
    ),
    Kind(
        "power bank",
        ("Accessories", "Portable Power Banks"),
        ("Power Bank", "Portable Charger", "External Battery"),
        ("Slim", "Solar", "Quick Charge"),
        (("5000mAh", "10000mAh", "20000mAh", "26800mAh"),),
        (14.0, 69.0),
        ("Charges two phones at once", "Shows what is left", "Allowed on planes"),
        fits_model=False,
    ),
    Kind(
        "earbuds",
        ("Accessories", "Headphones", "Earbuds"),
        ("Earbuds", "Earphones", "In-Ear Headphones"),
        ("Bluetooth", "Wireless Sport", "Noise Cancelling"),
        (COLOURS,),
        (15.0, 129.0),
        ("Deep bass & clear calls", "Sweatproof", "24 hours with the case"),
        fits_model=False,
    ),
    Kind(
        "headphones",
        ("Accessories", "Headphones", "Over-Ear"),
        ("Headphones", "Over-Ear Headphones", "Headset"),
        ("Wireless", "Studio", "Foldable"),
        (COLOURS[:5],),
        (25.0, 199.0),
        ("Soft ear cushions", "Folds flat", "Built-in microphone"),
        fits_model=False,
    ),
    Kind(
        "memory card",
        ("Accessories", "Memory Cards"),
        ("microSD Card", "Memory Card", "microSDXC Card"),
        ("High Speed", "Class 10", "Endurance"),
        (("32GB", "64GB", "128GB", "256GB"),),
        (7.0, 59.0),
        ("Adapter in the box", "Records 4K video", "Proof against water & heat"),
        fits_model=False,
    ),
)

HUBS: tuple[tuple[str, str, float], ...] = (
    # category, title, price
    ("cable", f"{HUB_BRAND} Universal USB-C Cable, 6ft", 6.99),
    ("memory card", f"{HUB_BRAND} Standard microSD Card, 64GB", 11.99),
    ("wall charger", f"{HUB_BRAND} Universal USB Charger, 12W", 9.99),
    ("earbuds", f"{HUB_BRAND} Everyday Wired Earbuds, Black", 15.49),
)
