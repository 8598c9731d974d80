"""Peak operations per second of GPUs by name: the denominator of model FLOPs utilisation (MFU)."""

from __future__ import annotations

_TERA = 1e12
_DENSE_BFLOAT16: tuple[tuple[str, float], ...] = (
    ("GB200", 2500),  # GB200 NVL72 data sheet: 5,000 a GPU with sparsity
    ("B200", 2250),  # HGX B200 data sheet: 4,500 with sparsity
    ("H200 NVL", 835.5),  # H200 data sheet (2024): 1,671 with sparsity
    ("H200", 989.5),  # the same: 1,979 with sparsity
    ("GH200", 989.5),  # GH200 data sheet: 1,979 with sparsity
    ("H100 NVL", 835.5),  # H100 data sheet (2024): 1,671 with sparsity
    ("H100 PCIe", 756.5),  # H100 data sheet (2022): 1,513 with sparsity
    ("H100", 989.5),  # the same, SXM: 1,979 with sparsity
    ("A100", 312),  # A100 data sheet
    ("A40", 149.7),  # A40 data sheet
    ("A10G", 70),  # AWS, EC2 G5 instances
    ("A10", 125),  # A10 data sheet
    ("A6000", 154.8),  # RTX A6000 data sheet: 309.7 with sparsity
    ("6000 Ada", 364.2),  # RTX 6000 Ada data sheet: 728.5 with sparsity
    ("L40S", 362.05),  # L40S data sheet
    ("L40", 181.05),  # L40 data sheet
    ("L4", 121),  # L4 data sheet: 242 with sparsity
    ("RTX 5090", 209.5),  # RTX Blackwell white paper, appendix A
    ("RTX 4090", 165.2),  # Ada white paper, appendix A
    ("RTX 3090", 71),  # GA102 white paper, appendix A
)
"""Dense bfloat16 tera-operations per second by NVIDIA's data sheets. Where a data sheet gives the
figure with sparsity, this is half of it. For GeForce and workstation cards this is the figure with
float32 accumulation, which is how torch computes. The first entry whose words all occur in a GPU's
name counts, so "H200 NVL" stands before "H200"."""


def dense_peak(name: str) -> float | None:
    """Return the peak operations per second of the GPU that the driver calls ``name``, or None for
    an unknown GPU."""
    words = name.replace("-", " ").split()
    # Laptop and "D" cards carry the name of a faster card.
    if "Laptop" in words or words[-1:] == ["D"]:
        return None
    for gpu, tera in _DENSE_BFLOAT16:
        wanted = gpu.split()
        if any(words[i : i + len(wanted)] == wanted for i in range(len(words))):
            return tera * _TERA
    return None
