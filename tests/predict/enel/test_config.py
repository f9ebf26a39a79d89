from __future__ import annotations

from collections import Counter

from airflow_enel.predict.enel.config import DEFAULT, PAPER, layers, parameters


def test_the_paper_network_learns_5155_parameters():
    assert parameters(PAPER) == 5155


def test_the_paper_network_has_the_published_layers():
    groups: Counter[str] = Counter()
    for layer in layers(PAPER):
        groups[layer.role] += layer.parameters
    assert groups == {
        "g (2)": 656,
        "h (2)": 656,
        "overhead (3)": 685,
        "runtime (4)": 561,
        "f3 of the node (6)": 930,
        "f3 of its predecessor (6)": 930,
        "a (6)": 30,
        "metrics (7)": 702,
        "output bias (7)": 5,
    }
    shapes = {layer.name: layer.shape for layer in layers(PAPER)}
    assert shapes["encoder.hidden"] == (16, 33)
    assert shapes["encoder.output"] == (8, 16)
    assert shapes["f1.hidden"] == (18, 36)
    assert shapes["f2.hidden"] == (16, 33)
    assert shapes["metrics.f4.hidden"] == (17, 35)


def test_the_default_network_sees_masks_and_relative_features_besides():
    shapes = {layer.name: layer.shape for layer in layers(DEFAULT)}
    assert shapes["f1.hidden"] == (18, 41)
    assert shapes["f2.hidden"] == (16, 33 + 5 + 5 + 13)
    assert shapes["f2.output"] == (1 + 5 + 13, 16)
    assert shapes["metrics.f4.hidden"] == (17, 40)
