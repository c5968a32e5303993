import torch


def settle(model, pixels):
    """No parameter keeps a constant behind which an error could hide; BatchNorm statistics of these images."""
    for p in model.parameters():
        if (p == p.flatten()[0]).all():
            p.data += 0.1 * torch.randn_like(p)
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 1.0
    model.train()
    with torch.no_grad():
        model(pixels)
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 0.1
