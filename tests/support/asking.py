"""A flow whose sides ask a virus scanner, whether there is one or not."""

import shutil
from pathlib import Path

from guard.demonstration import Child, Demonstration
from guard.edge.making import pack_folder

STAGE = """[[{side}.stage]]
name = "{name}"
use = "antivirus"
parameters = {{ answer_ms_max = 5000, signature_days_max = 0 }}

"""


def asking_pack(folder: Path, isolation: str = "pooled") -> Path:
    """The pack `text`, whose sides ask their scanner before they rebuild, the source side twice."""
    pack = folder / "pack"
    shutil.copytree(pack_folder("text"), pack)
    text = (pack / "policy.toml").read_text("utf-8")
    for side, name, before in (
        ("source", "antivirus", "text_rebuild"), ("source", "antivirus_again", "label"),
        ("destination", "antivirus", "text_build"),
    ):  # fmt: skip
        stage = STAGE.format(side=side, name=name)
        head, found, tail = text.partition(f'[[{side}.stage]]\nname = "{before}"\n')
        assert found
        text = head + stage + found + tail
    for side in ("source", "destination"):
        text = text.replace(f"[{side}]\n", f'[{side}]\nisolation = "{isolation}"\n')
    (pack / "policy.toml").write_text(text)
    return pack


class Scanned(Demonstration):
    """A flow whose sides both name the scanner that is beside the site's folder."""

    def start_side(self, side: str) -> Child:
        """Name it first."""
        file = self.folder / side / "site.toml"
        where = self.folder.parent / "clamd" / "run" / "clamd.ctl"
        if "antivirus" not in (text := file.read_text()):
            file.write_text(f'{text}antivirus = "unix:{where}"\n')
        return Demonstration.start_side(self, side)
