"""Views: names and the paper's set."""

import pytest
from vimpac.datasets import StoreError
from vimpac.datasets.format.views import VIEW_SETS, View, paper_views, parse_view


def test_names_and_views_are_one_to_one() -> None:
    for views in VIEW_SETS.values():
        assert len({view.name for view in views}) == len(views)
        assert [parse_view(view.name) for view in views] == list(views)


def test_the_papers_views() -> None:
    assert len(paper_views()) == 12
    assert len(paper_views(flip=False)) == 6
    assert View() in paper_views()
    assert {view.scale for view in paper_views()} == {1.0, 1.25}


@pytest.mark.parametrize("name", ["", "left", "full_flip", "large_full", "center_flip_flip"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(StoreError, match="no view is named"):
        parse_view(name)
