"""Models by name, built from a seed without touching any random state."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from probes.errors import ConfigError, unknown_name
from probes.user_code import import_named, one_line

if TYPE_CHECKING:
    from torch import nn

__all__ = ["MODELS", "OTHER_MODELS", "build_model", "check_model", "describe", "num_parameters"]

MODELS: dict[str, str] = {
    "mlp": "multilayer perceptron with ReLU: --depth hidden layers of --width units",
    "cnn": "two 3 x 3 convolutions of 32 and 64 channels, 128 hidden units",
    "alexnet": "small AlexNet of Zhang et al. 2017: two 5 x 5 convolutions, 384 and 192 hidden units",
    "inception": "small Inception of Zhang et al. 2017: ten modules, batch norm unless --no-batch-norm",
    "resnet18": "ResNet-18 with the 3 x 3 stem for small images; torchvision:resnet18 is the one for ImageNet",
}
OTHER_MODELS: dict[str, str] = {
    "NAME": "any classifier of torchvision, such as resnet34 or mobilenet_v3_small, untrained; also torchvision:NAME",
    "module:callable": "your own: called with those of input_shape, num_classes and seed that it takes",
}
_TORCHVISION = "torchvision:"


def check_model(name: str) -> None:
    """Raise ConfigError unless `name` is one of MODELS, of torchvision's classifiers, or written module:callable."""
    if name in MODELS or (":" in name and not name.startswith(_TORCHVISION)):
        return
    from probes.models.torchvision_models import torchvision_names

    if name.removeprefix(_TORCHVISION) not in torchvision_names():
        near = get_close_matches(name, [*MODELS, *torchvision_names()], n=1, cutoff=0.5)
        raise unknown_name("model", name, near or [*MODELS, "any classifier of torchvision", "module:callable"])


def build_model(
    name: str,
    *,
    input_shape: tuple[int, ...],
    num_classes: int,
    width: int,
    depth: int,
    seed: int,
    dropout: float = 0.0,
    batch_norm: bool | None = None,
) -> nn.Module:
    """Build a model on the CPU, with PyTorch's default initialisation drawn from `seed`.

    Args:
        name: of MODELS; of torchvision's classifiers, with or without "torchvision:" before it; or `module:callable`,
            called with those of `input_shape`, `num_classes` and `seed` that it takes.
        input_shape: of one example, without the batch dimension.
        num_classes: K, the number of logits.
        width: units of a hidden layer of the multilayer perceptron.
        depth: its hidden layers.
        seed: of the weights; the global random state is left as it was.
        dropout: share of hidden units left out in training, in [0, 1).
        batch_norm: with or without; None leaves it to the model.

    Raises:
        ConfigError: unknown name (the nearest known one is suggested), an option that this model does not have, or
            one that does not make K logits of such an input.
    """
    check_model(name)
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed accelerators as well
        model = _build(name, input_shape, num_classes, width, depth, seed, dropout, batch_norm)
        _try_out(model, name, input_shape, num_classes)
    return model


def describe(model: nn.Module) -> str:
    """Return a model's own description, such as "MLP 64-512-512-10", or the name of its class."""
    return str(getattr(model, "description", type(model).__name__))


def num_parameters(model: nn.Module) -> int:
    """Count the trained parameters."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def _build(
    name: str,
    input_shape: tuple[int, ...],
    num_classes: int,
    width: int,
    depth: int,
    seed: int,
    dropout: float,
    batch_norm: bool | None,
) -> nn.Module:
    if name not in MODELS:
        if dropout or batch_norm is not None:
            raise ConfigError(
                f"model {name!r} is built as it is: dropout and batch-norm are options of our own models."
            )
        if ":" in name and not name.startswith(_TORCHVISION):
            return _users_model(name, input_shape, num_classes, seed)
    if name != "mlp" and len(input_shape) != 3:
        raise ConfigError(f"model {name!r} takes images, and an example has shape {input_shape}. Choose mlp.")
    if name not in MODELS:
        from probes.models.torchvision_models import torchvision_model

        return torchvision_model(name.removeprefix(_TORCHVISION), input_shape, num_classes)
    options: dict[str, Any] = {"dropout": dropout}
    if name == "mlp":
        options.update(width=width, depth=depth)
    if name == "resnet18":
        if batch_norm is False:
            raise ConfigError("model 'resnet18' has batch norm: it cannot be built without.")
    elif batch_norm is not None:
        options["batch_norm"] = batch_norm
    return _class_of(name)(input_shape, num_classes, **options)


def _class_of(name: str) -> Callable[..., nn.Module]:
    from probes.models.alexnet import SmallAlexNet
    from probes.models.cnn import CNN
    from probes.models.inception import SmallInception
    from probes.models.mlp import MLP
    from probes.models.resnet import ResNet18

    return {"mlp": MLP, "cnn": CNN, "alexnet": SmallAlexNet, "inception": SmallInception, "resnet18": ResNet18}[name]


def _users_model(spec: str, input_shape: tuple[int, ...], num_classes: int, seed: int) -> nn.Module:
    """Call what the user named with what it asks for."""
    from torch import nn

    make = import_named(spec, "model")
    known = {"input_shape": input_shape, "num_classes": num_classes, "seed": seed}
    parameters = inspect.signature(make).parameters
    wanted = {key: value for key, value in known.items() if key in parameters}
    try:
        model = make(**wanted)
    except (Exception, SystemExit) as error:  # whatever the user's own code raises
        raise ConfigError(
            f"model {spec!r} cannot be built: {type(error).__name__}: {one_line(error)}. "
            "It is called with those of input_shape, num_classes and seed that it takes."
        ) from error
    if not isinstance(model, nn.Module):
        raise ConfigError(f"model {spec!r} must return a torch.nn.Module, got {type(model).__name__}.")
    return model


def _instead(name: str) -> str:
    """What to do where a model does not take examples of this size."""
    if name in MODELS:
        return "Choose another --model, such as mlp."
    if ":" in name and not name.startswith(_TORCHVISION):
        return "A callable that has a parameter input_shape is told the shape: let the first layers follow it."
    return "Give larger images, or choose a --model that takes small ones, such as resnet18 or mobilenet_v3_small."


def _try_out(model: nn.Module, name: str, input_shape: tuple[int, ...], num_classes: int) -> None:
    """One forward pass of two blank examples, in evaluation mode: whether the shapes fit."""
    import torch

    mode = model.training
    model.eval()
    try:
        with torch.no_grad():
            logits = model(torch.zeros(2, *input_shape))
    except Exception as error:  # torchvision asserts, and the user's own code raises all kinds
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(
            f"model {name!r} cannot take examples of shape {input_shape}: {reason.rstrip('.')}. {_instead(name)}"
        ) from error
    model.train(mode)
    if not isinstance(logits, torch.Tensor) or logits.shape != (2, num_classes):
        found = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise ConfigError(
            f"model {name!r} must make {num_classes} logits per example, (2, {num_classes}), got {found}."
        )
