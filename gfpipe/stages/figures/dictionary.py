"""Print the warehouse's data dictionary as Markdown: ``python -m gfpipe.stages.figures.dictionary``."""

from gfpipe import warehouse
from gfpipe.estimates import published


def run() -> str:
    """Every relation, macro and column of a published warehouse, described in Markdown."""
    return warehouse.as_markdown(warehouse.data_dictionary(published.tables))


if __name__ == "__main__":
    print(run())
