"""The choices of the methodology: species groups, routes, classes, and the parameters they pick."""

from __future__ import annotations

import tomllib
from pathlib import Path

FOREST_CATEGORIES = ("protection", "special_purpose", "timber", "economic", "energy")
ELIGIBLE_CATEGORIES = ("protection", "special_purpose", "timber")
VEGETATION = ("tree", "bamboo", "shrub")
SITES = ("planned_forest_land", "corridor_greening", "urban_village_mining_greening")
ADDITIONALITY = ("low_precipitation", "key_ecological_zone", "public_welfare_forest", "demonstrated")

TREE_ROUTES = ("none", "measured", "volume_bcef", "volume_slope", "volume_species")
VOLUME_ROUTES = ("volume_bcef", "volume_slope", "volume_species")
SAMPLED_ROUTES = ("measured", *VOLUME_ROUTES)

# Species of the table D, BEF, R, CF, in its order, with Chinese and English names.
SPECIES = {
    "masson_pine": ("马尾松", "Pinus massoniana"),
    "chinese_fir": ("杉木", "Cunninghamia lanceolata"),
    "oak": ("栎类", "Quercus"),
    "poplar": ("杨树", "Populus"),
    "sweetgum": ("枫香", "Liquidambar"),
    "slash_pine": ("湿地松", "Pinus elliottii"),
    "metasequoia": ("水杉", "Metasequoia"),
    "cryptomeria": ("柳杉", "Cryptomeria"),
    "camphor": ("樟树", "Cinnamomum"),
    "hard_broadleaf": ("刺槐、硬阔类", "robinia, other hardwood"),
    "soft_broadleaf": ("软阔类", "other softwood broadleaf"),
    "mixed_conifer": ("针叶混", "mixed conifers"),
    "mixed_conifer_broadleaf": ("针阔混", "mixed conifer and broadleaf"),
    "mixed_broadleaf": ("阔叶混", "mixed broadleaf"),
}
# The slope B = a·V + b of each species; sweetgum and slash pine have none in the source.
SLOPES = {
    "masson_pine": "slope_masson_pine",
    "chinese_fir": "slope_chinese_fir",
    "oak": "slope_oak",
    "poplar": "slope_soft_broadleaf",
    "metasequoia": "slope_cryptomeria_metasequoia",
    "cryptomeria": "slope_cryptomeria_metasequoia",
    "camphor": "slope_camphor",
    "hard_broadleaf": "slope_hard_broadleaf",
    "soft_broadleaf": "slope_soft_broadleaf",
    "mixed_conifer": "slope_mixed_conifer",
    "mixed_conifer_broadleaf": "slope_mixed_conifer_broadleaf",
    "mixed_broadleaf": "slope_mixed_broadleaf",
}
# Species whose single-tree equations include roots (methodologies/forest/allometry.toml).
TREE_EQUATIONS = (
    "masson_pine",
    "chinese_fir",
    "sawtooth_oak",
    "poplar",
    "mixed_broadleaf",
    "mixed_conifer_broadleaf",
    "sweetgum",
    "oriental_white_oak",
)

BCEF_CLASSES = {
    "hardwood": ("温带硬阔", "temperate hardwoods"),
    "pine": ("松类", "pines"),
    "conifer": ("其他针叶", "other conifers"),
}
# Upper ends of the bands of growing stock, m3/ha, inclusive.
BCEF_LIMITS = (20, 40, 100, 200)

# How roots are known: measured, the smooth default equation, or a table of R by above-ground biomass.
ROOT_ROUTES = (
    "measured",
    "ar_tool14",
    "subtropical_asia",
    "temperate_conifer",
    "temperate_oak",
    "temperate_broadleaf",
)
# Conditions over the mean above-ground biomass for all bands but the last.
ROOT_BANDS = {
    "subtropical_asia": ("{agb_mean_t_per_ha} <= 125",),
    "temperate_conifer": ("{agb_mean_t_per_ha} < 50", "{agb_mean_t_per_ha} <= 150"),
    "temperate_oak": (),
    "temperate_broadleaf": ("{agb_mean_t_per_ha} < 75", "{agb_mean_t_per_ha} <= 150"),
}
# The oak entry of the table holds only above this, t d.m./ha.
OAK_ROOT_MIN = 70

# Below one square metre a rate per hectare says nothing (and would overflow).
RATE_AREA_MIN_HA = 0.0001

DEAD_WOOD_CLASSES = {
    "subtropical_dry": ("亚热带，海拔 ≤ 2000 m，年降水 ≤ 1000 mm", "subtropical, ≤ 2000 m, ≤ 1000 mm"),
    "subtropical_moist": (
        "亚热带，海拔 ≤ 2000 m，年降水 1001–1600 mm（信阳）",
        "subtropical, ≤ 2000 m, 1001–1600 mm",
    ),
    "subtropical_wet": ("亚热带，海拔 ≤ 2000 m，年降水 > 1600 mm", "subtropical, ≤ 2000 m, > 1600 mm"),
    "subtropical_high": ("亚热带，海拔 > 2000 m", "subtropical, > 2000 m"),
    "temperate": ("温带、寒带", "temperate and boreal"),
}
SOILS = {
    "hac": ("高活性黏土", "high-activity clay"),
    "lac": ("低活性黏土", "low-activity clay"),
    "sandy": ("砂质土", "sandy"),
}
LAND_USES = {
    "native": ("荒山荒地等原生植被", "native vegetation"),
    "annual_crop": ("一年生作物", "annual crop"),
    "paddy": ("水田（不允许）", "paddy, not admitted"),
    "set_aside": ("撂荒地", "set-aside"),
    "perennial_crop": ("多年生作物", "perennial crop"),
}

_TABLE = tomllib.loads((Path(__file__).parent / "counties.toml").read_text(encoding="utf-8"))
COUNTIES = {code: (line["name_zh"], line["name_en"]) for code, line in _TABLE.items()}
KEY_ZONE_COUNTIES = tuple(code for code, line in _TABLE.items() if line["key_ecological_zone"])
OTHER_COUNTY = "other"
