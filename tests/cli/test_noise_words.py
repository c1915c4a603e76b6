"""What stderr says of the noise while training: each group by what it is."""

import pytest

from probes_cli.train import _noise


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        (
            {
                "kind": "uniform_all+gaussian",
                "requested": 0.3,
                "drawn": 0.3,
                "realised": 0.28,
                "kinds": {
                    "uniform_all": {"requested": 0.2, "drawn": 0.2, "realised": 0.18},
                    "gaussian": {"requested": 0.1, "drawn": 0.1, "realised": 0.1},
                },
            },
            "18.0 % of the labels wrong, 10.0 % of the inputs replaced",
        ),
        (
            {"kind": "gaussian", "requested": 1.0, "drawn": 1.0, "realised": 1.0},
            "drawn, 100.0 % of the inputs replaced",
        ),
        ({"kind": "pair", "requested": 0.4, "drawn": 0.39, "realised": 0.39}, "drawn, 39.0 % of the labels wrong"),
    ],
)
def test_the_noise_line_tells_wrong_labels_from_replaced_inputs(rates, words):
    assert _noise(rates).endswith(words)
