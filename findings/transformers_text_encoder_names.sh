#!/usr/bin/env bash
# transformers: a CLIP text encoder saved by version 5 loads in version 4 with random weights.
#
# Version 5 leaves `text_model.` out of the names of the weights. Version 4 finds none of the names it looks
# for, draws every weight anew and only logs a warning. So the text encoder of a pipeline that was saved on
# one machine says nothing on another. The other way round is right: version 5 reads files of version 4.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export FOLDER=$folder HF_HUB_OFFLINE=1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

with() { "$here/with_packages.sh" "transformers==$1" torch==2.13.0 numpy==2.4.6; }

save='
import os, torch, transformers
from transformers import CLIPTextConfig, CLIPTextModel
config = CLIPTextConfig(vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                        num_attention_heads=2, max_position_embeddings=16, bos_token_id=48, eos_token_id=49)
torch.manual_seed(0)
encoder = CLIPTextModel(config).eval()
folder = os.path.join(os.environ["FOLDER"], transformers.__version__[0])
encoder.save_pretrained(folder)
with torch.no_grad():
    torch.save(encoder(torch.tensor([[48, 3, 7, 49]]))[0], os.path.join(folder, "said.pt"))
'
load='
import os, torch, transformers
from transformers import CLIPTextModel
torch.manual_seed(1)
def difference(saved_by):
    folder = os.path.join(os.environ["FOLDER"], saved_by)
    expected = torch.load(os.path.join(folder, "said.pt"))
    with torch.no_grad():
        said = CLIPTextModel.from_pretrained(folder).eval()(torch.tensor([[48, 3, 7, 49]]))[0]
    off = ((said - expected).abs().max() / expected.abs().max()).item()
    print(f"saved by {saved_by}, loaded by {transformers.__version__}: {off:.2g} of the largest value")
    return off
'
echo "$save" | with 4.57.6
echo "$save$load
assert difference('5') < 1e-6
assert difference('4') < 1e-6" | with 5.23.0
echo "$load
assert difference('4') < 1e-6
assert difference('5') > 0.5, 'the behaviour changed'" | with 4.57.6
