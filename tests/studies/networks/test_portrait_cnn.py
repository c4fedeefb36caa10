"""The three networks of the binary portrait classifier are those of the report: sizes along the way, parameters."""

import pytest
import torch
from torch import nn

from gfpipe.attributes import networks
from gfpipe.studies.networks.portrait_cnn import SIDE

PARAMETERS = {"portrait-128": 728_194, "portrait-1024": 5_375_746, "portrait-128-128": 744_706}


@pytest.mark.parametrize(("name", "parameters"), PARAMETERS.items())
def test_the_networks_have_the_parameters_that_the_report_states(name: str, parameters: int) -> None:
    network = networks.build(name, 2)
    assert sum(each.numel() for each in network.parameters()) == parameters
    assert network(torch.zeros(3, 1, SIDE, SIDE)).shape == (3, 2)


def test_maps_have_the_sides_that_the_report_states() -> None:
    maps = torch.zeros(1, 1, SIDE, SIDE)
    shapes = []
    for layer in list(networks.build("portrait-1024", 2).children()):
        maps = layer(maps)
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            shapes.append(tuple(maps.shape[1:]))
    assert shapes == [(16, 48, 48), (32, 44, 44), (32, 22, 22), (64, 18, 18), (64, 9, 9)]
    assert maps.shape == (1, 2)


def test_more_outputs_only_make_the_last_layer_wider() -> None:
    parameters = sum(each.numel() for each in networks.build("portrait-128", 5).parameters())
    assert parameters == PARAMETERS["portrait-128"] + 3 * (128 + 1)
