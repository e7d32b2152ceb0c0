"""A resumable step-based training loop: AdamW, warm-up and cosine decay, weight averaging."""

import json
import math
import time

import torch


class Ema:
    """The running average of a model's weights, the one that is used in the end."""

    def __init__(self, model, decay=0.998):
        self.decay = decay
        self.weights = {k: v.detach().clone() for k, v in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model, step):
        decay = min(self.decay, (1 + step) / (10 + step))
        state = model.state_dict()
        keys = [key for key in state if state[key].is_floating_point()]
        torch._foreach_lerp_([self.weights[k] for k in keys], [state[k] for k in keys], 1 - decay)


class Trainer:
    """Runs `total` steps over named models, saves as it goes and resumes where it was cut.

    A caller seeds every step's data by the step's number, so a resumed run draws what an
    uninterrupted one would have drawn.
    """

    def __init__(self, folder, models, total, rate, log, save_every=200, warm_up=100, decay=0.998,
                 slow=(), slow_factor=0.3, floor=0.02):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.models, self.total, self.log = folder, models, total, log
        self.rate, self.warm_up, self.save_every, self.floor = rate, warm_up, save_every, floor
        named = [(name, p) for model in models.values() for name, p in model.named_parameters()]
        slow_set = {id(p) for p in slow}
        groups = [{"params": [p for _, p in named if id(p) not in slow_set], "factor": 1.0}]
        if slow_set:
            groups.append({"params": list(slow), "factor": slow_factor})
        self.optimiser = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
        self.parameters = [p for _, p in named]
        self.ema = {k: Ema(m, decay) for k, m in models.items()}
        self.step = 0
        self.history = []
        self.last = folder / "last.pt"
        if self.last.exists():
            state = torch.load(self.last)
            self.step = state["step"]
            self.optimiser.load_state_dict(state["optimiser"])
            for k, m in models.items():
                m.load_state_dict(state["models"][k])
                self.ema[k].weights = state["ema"][k]
            log(f"resumed at step {self.step}")

    def steps(self):
        start, begun = time.time(), self.step
        for model in self.models.values():
            model.train()
        while self.step < self.total:
            yield self.step
            self.step += 1
            if self.step % 20 == 0 or self.step == self.total:
                mean = {k: round(sum(h[k] for h in self.history) / len(self.history), 4)
                        for k in self.history[0]}
                seconds = (time.time() - start) / (self.step - begun)
                self.log(json.dumps({"step": self.step, "of": self.total, **mean, "s": round(seconds, 3)}))
                self.history = []
            if self.step % self.save_every == 0 or self.step == self.total:
                self.save()

    def update(self, loss, **figures):
        step = self.step
        warm = min(1.0, (step + 1) / self.warm_up)
        cosine = 0.5 * (1 + math.cos(math.pi * step / self.total))
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate * warm * max(cosine, self.floor) * group["factor"]
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimiser.step()
        for key, model in self.models.items():
            self.ema[key].update(model, step)
        self.history.append({"loss": float(loss.detach()), **figures})

    def averaged(self, name):
        self.models[name].load_state_dict(self.ema[name].weights)
        return self.models[name].eval()

    def save(self):
        state = {"step": self.step, "optimiser": self.optimiser.state_dict(),
                 "models": {k: m.state_dict() for k, m in self.models.items()},
                 "ema": {k: e.weights for k, e in self.ema.items()}}
        for name, content in (("last.pt", state), ("final.pt", state["ema"])):
            temporary = self.folder / (name + ".tmp")
            torch.save(content, temporary)
            temporary.rename(self.folder / name)
