"""The families of problems, one file a theme. `FAMILIES` is the ordered list that the generator draws from."""

from imbik.tasks.problems.themes import (
    ages,
    comparison,
    measures,
    money,
    packing,
    percentages,
    sharing,
    timing,
    travel,
)

FAMILIES = (*money.FAMILIES, *timing.FAMILIES, *sharing.FAMILIES, *measures.FAMILIES, *percentages.FAMILIES,
            *ages.FAMILIES, *travel.FAMILIES, *comparison.FAMILIES, *packing.FAMILIES)
