"""The sample's vocabulary: invented makers and names, and the ways sellers spell one thing."""

PHONE_FAMILIES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    # maker, series, suffixes of one generation
    ("Karvo", "Arc", ("", " Pro")),
    ("Karvo", "Lumen", ("", " Mini")),
    ("Ostrel", "Drift", ("", " Max")),
    ("Ostrel", "Crest", ("", " Lite")),
    ("Veluna", "Onda", ("", " Pro")),
    ("Veluna", "Sable", ("",)),
    ("Zimbro", "Ridge", ("", " Max")),
    ("Zimbro", "Ember", ("", " Lite")),
    ("Quenta", "Flint", ("", " Pro")),
    ("Quenta", "Tide", ("",)),
    ("Pellonix", "Quill", ("", " Mini")),
    ("Pellonix", "Comet", ("", " Max")),
    ("Tavaro", "Plume", ("", " Lite")),
    ("Umbrix", "Fjord", ("", " Pro")),
)

ACCESSORY_BRANDS = (
    "Bramblo",
    "Cablewren",
    "Finch & Row",
    "Gripwell",
    "Hexanut",
    "Lintless",
    "Mossbay",
    "Orrin",
    "Owlight",
    "Plinkett",
    "Pockette",
    "Snugly",
    "Sturdee",
    "Tuffolio",
    "Voltbee",
    "Wavecub",
)

HUB_BRAND = "Everybit"

PRODUCT_LINES = (
    "Aero",
    "Bison",
    "Dune",
    "Falcon",
    "Glade",
    "Heron",
    "Juno",
    "Kestrel",
    "Lotus",
    "Meadow",
    "Nimbus",
    "Orbit",
    "Pebble",
    "Raven",
    "Summit",
    "Tango",
    "Vista",
    "Willow",
    "Zephyr",
)

# A seller's title. No two templates can give the same text for one product, and each names the brand or the line.
TITLE_TEMPLATES = (
    "{brand} {line} {style} {noun}{fits}, {options}",
    "{brand} {line} {noun}{fits} - {style} - {options}",
    "{line} {style} {noun} by {brand}{fits} ({options})",
    "{options} {style} {noun}{fits}, {brand} {line}",
    "{style} {noun} {line}{fits} {options}",
    "{noun} {brand} {line} {options} {style}{fits}",
)

FITS_PHRASES = (" for {maker} {model}", " for {model}", " compatible with {maker} {model}", " designed for {model}")

ABBREVIATIONS = (
    (" Pack", "pk"),
    ("Tempered", "Temp."),
    ("compatible with", "fits"),
    ("Replacement", "Repl."),
    ("Bluetooth", "BT"),
    ("Wireless", "Wrls"),
    ("Smartphone", "Phone"),
)

MARKETING = (
    "Best Seller",
    "Fast & Free Shipping",
    "Brand New in Retail Box",
    "Lifetime Warranty",
    "Ships Today",
    "Great Gift Idea",
    "Official Store",
    "Top Quality",
)

TITLE_JUNK = (
    '<span id="productTitle" class="a-size-large">Loading</span><span class="a-spinner"></span>',
    "var aPageStart = (new Date()).getTime(); var ue_t0 = ue_t0 || aPageStart;",
)

PRICE_JUNK = ".a-box-inner{background-color:#fff}#buyBox .a-button{margin:0 auto;width:96%}"
