"""Recorded cases: convolutions, pooling, morphology. Not a test.

PyTorch keeps channels on axis 1 and filters as (out, in, ...); its expressions move the axes there and back.
"""

from __future__ import annotations

from tests.oracle.case import Case, row
from tests.oracle.inputs import lit, real, spread

IMAGES = real(2, 5, 4, 2)
FILTERS = real(3, 2, 2, 3)


def _conv(n: int, x: str, options: str) -> str:
    """PyTorch's convolution of channels-last data by filters (..., in, out)."""
    moved = "torch.movedim(torch.movedim(b, -1, 0), -1, 1)"
    return f"torch.movedim(F.conv{n}d(torch.movedim({x}, -1, 1), {moved}{options}), 1, -1)"


def _transposed(n: int, options: str) -> str:
    """Filters of a transposed convolution are (..., out, in)."""
    moved = "torch.movedim(torch.movedim(b, -1, 0), -1, 1)"
    return f"torch.movedim(F.conv_transpose{n}d(torch.movedim(a, -1, 1), {moved}{options}), 1, -1)"


def _pool(kind: str, n: int, x: str, options: str) -> str:
    return f"torch.movedim(F.{kind}_pool{n}d(torch.movedim({x}, -1, 1), {options}), 1, -1)"


def _padded(*pairs: tuple[int, int], value: str = "0.0") -> str:
    """a with a border on the axes between the first and the last."""
    widths = ", ".join(f"{low}, {high}" for low, high in pairs[::-1])
    return f"F.pad(a, (0, 0, {widths}), value={value})"


CASES: list[Case] = [
    row("tf.nn.conv1d(a, b, 1, 'VALID')", real(2, 6, 2), real(3, 2, 3), torch=_conv(1, "a", "")),
    row("tf.nn.conv1d(a, b, stride=2, padding='SAME')", real(2, 6, 2), real(3, 2, 3),
        torch=_conv(1, _padded((0, 1)), ", stride=2")),
    row("tf.nn.conv2d(a, b, strides=1, padding='VALID')", IMAGES, FILTERS, torch=_conv(2, "a", "")),
    row("tf.nn.conv2d(a, b, strides=[2, 1], padding='SAME')", IMAGES, FILTERS,
        torch=_conv(2, _padded((1, 1), (0, 1)), ", stride=(2, 1)")),
    row("tf.nn.conv2d(a, b, strides=2, padding=[[0, 0], [1, 0], [2, 1], [0, 0]])", IMAGES, FILTERS,
        torch=_conv(2, _padded((1, 0), (2, 1)), ", stride=2")),
    row("tf.nn.conv2d(a, b, strides=1, padding='VALID', dilations=2)", IMAGES, real(2, 2, 2, 3),
        torch=_conv(2, "a", ", dilation=2")),
    row("tf.nn.conv2d(a, b, strides=1, padding='SAME')", real(1, 4, 3, 4), real(2, 2, 2, 6),
        torch=_conv(2, _padded((0, 1), (0, 1)), ", groups=2"), label="two groups"),
    row("tf.nn.conv2d(a, b, strides=1, padding='VALID')", real(2, 3, 3, 4), real(1, 1, 4, 2),
        torch=_conv(2, "a", ""), label="1 x 1"),
    row("tf.nn.conv3d(a, b, [1, 1, 1, 1, 1], 'VALID')", real(1, 3, 3, 4, 2), real(2, 2, 2, 2, 2),
        torch=_conv(3, "a", "")),
    row("tf.nn.conv3d(a, b, [1, 2, 1, 2, 1], 'SAME')", real(1, 3, 3, 4, 1), real(2, 2, 3, 1, 2),
        torch=_conv(3, _padded((0, 1), (0, 1), (0, 1)), ", stride=(2, 1, 2)")),
    row("tf.nn.convolution(a, b, strides=2, padding='VALID', data_format='NHWC')", IMAGES, FILTERS,
        torch=_conv(2, "a", ", stride=2")),
    row("tf.nn.convolution(a, b, padding='VALID', dilations=2)", real(2, 7, 2), real(2, 2, 3),
        torch=_conv(1, "a", ", dilation=2")),
    row("tf.nn.atrous_conv2d(a, b, 2, 'VALID')", IMAGES, real(2, 2, 2, 3),
        torch=_conv(2, "a", ", dilation=2")),
    row("tf.nn.depthwise_conv2d(a, b, [1, 1, 1, 1], 'VALID')", IMAGES, real(2, 2, 2, 3),
        torch="torch.movedim(F.conv2d(torch.movedim(a, -1, 1), "
        "b.permute(2, 3, 0, 1).reshape(6, 1, 2, 2), groups=2), 1, -1)"),
    row("tf.nn.depthwise_conv2d(a, b, [1, 2, 2, 1], 'SAME')", IMAGES, real(3, 3, 2, 1),
        torch=f"torch.movedim(F.conv2d(torch.movedim({_padded((1, 1), (0, 1))}, -1, 1), "
        "b.permute(2, 3, 0, 1).reshape(2, 1, 3, 3), stride=2, groups=2), 1, -1)"),
    row("tf.nn.separable_conv2d(a, b, c, [1, 1, 1, 1], 'VALID')", IMAGES, real(2, 2, 2, 2), real(1, 1, 4, 3),
        torch="torch.movedim(F.conv2d(F.conv2d(torch.movedim(a, -1, 1), b.permute(2, 3, 0, 1)"
        ".reshape(4, 1, 2, 2), groups=2), c.permute(3, 2, 0, 1)), 1, -1)"),
    # Transposed.
    row("tf.nn.conv1d_transpose(a, b, [2, 7, 3], 2, 'VALID')", real(2, 3, 2), real(3, 3, 2),
        torch=_transposed(1, ", stride=2")),
    row("tf.nn.conv2d_transpose(a, b, [2, 6, 5, 3], 1, 'VALID')", real(2, 4, 4, 2), real(3, 2, 3, 2),
        torch=_transposed(2, "")),
    row("tf.nn.conv2d_transpose(a, b, [2, 4, 6, 3], 2, 'SAME')", real(2, 2, 3, 2), real(2, 2, 3, 2),
        torch=_transposed(2, ", stride=2")),
    row("tf.nn.conv3d_transpose(a, b, [1, 3, 3, 4, 2], 1, 'VALID')", real(1, 2, 2, 3, 2), real(2, 2, 2, 2, 2),
        torch=_transposed(3, "")),
    row("tf.nn.conv_transpose(a, b, [2, 5, 3], 2, 'VALID')", real(2, 2, 2), real(3, 3, 2),
        torch=_transposed(1, ", stride=2")),
    row("tf.nn.atrous_conv2d_transpose(a, b, [2, 6, 6, 3], 2, 'VALID')", real(2, 4, 4, 2), real(2, 2, 3, 2),
        torch=_transposed(2, ", dilation=2"), orders=1),
    # Pooling.
    row("tf.nn.max_pool2d(a, 2, 2, 'VALID')", spread(2, 5, 4, 2), torch=_pool("max", 2, "a", "2, 2")),
    row("tf.nn.max_pool2d(a, [3, 2], [2, 1], 'SAME')", spread(2, 5, 4, 2),
        torch=_pool("max", 2, _padded((1, 1), (0, 1), value="-inf"), "(3, 2), (2, 1)")),
    row("tf.nn.max_pool2d(a, 2, 1, 'VALID')", spread(1, 3, 3, 1), torch=_pool("max", 2, "a", "2, 1"),
        label="overlapping"),
    row("tf.nn.max_pool(a, 2, 2, 'SAME')", spread(1, 4, 3, 2),
        torch=_pool("max", 2, _padded((0, 0), (0, 1), value="-inf"), "2, 2")),
    row("tf.nn.max_pool1d(a, 2, 2, 'VALID')", spread(2, 5, 2), torch=_pool("max", 1, "a", "2, 2")),
    row("tf.nn.max_pool3d(tf.cast(a, tf.float32), 2, 1, 'VALID')", spread(1, 3, 3, 2, 2),
        torch=_pool("max", 3, "a.float()", "2, 1")),
    row("tf.nn.max_pool2d(a, 2, 2, 'VALID')", lit([[[[1.0], [1.0]], [[1.0], [0.0]]]]), label="ties"),
    row("tf.nn.max_pool2d(a, 2, 2, 'SAME')", lit([[[[-1.0], [-2.0], [-3.0]]]]), label="below 0, padded"),
    row("tf.nn.max_pool_with_argmax(a, 2, 2, 'VALID')", spread(2, 4, 4, 2)),
    row("tf.nn.max_pool_with_argmax(a, 2, 1, 'SAME', include_batch_in_index=True)", spread(2, 3, 3, 1)),
    row("tf.nn.avg_pool2d(a, 2, 2, 'VALID')", real(2, 5, 4, 2), torch=_pool("avg", 2, "a", "2, 2")),
    row("tf.nn.avg_pool2d(a, 3, 2, 'SAME')", real(2, 5, 5, 2),
        torch=_pool("avg", 2, "a", "3, 2, 1, count_include_pad=False")),
    row("tf.nn.avg_pool(a, 2, 1, 'SAME')", real(1, 3, 3, 1)),
    row("tf.nn.avg_pool1d(a, 2, 2, 'VALID')", real(2, 5, 2), torch=_pool("avg", 1, "a", "2, 2")),
    row("tf.nn.avg_pool3d(tf.cast(a, tf.float32), 2, 1, 'VALID')", real(1, 3, 3, 2, 2),
        torch=_pool("avg", 3, "a.float()", "2, 1")),
    row("tf.nn.pool(a, [2, 2], 'AVG', strides=[1, 2], padding='SAME')", real(1, 3, 4, 2)),
    row("tf.nn.pool(a, [2], 'MAX', dilations=[2], padding='VALID')", spread(1, 6, 2),
        torch="torch.movedim(F.max_pool1d(torch.movedim(a, -1, 1), 2, 1, 0, 2), 1, -1)"),
    # Others with a window.
    row("tf.nn.dilation2d(a, b, [1, 1, 1, 1], 'SAME', 'NHWC', [1, 1, 1, 1])",
        spread(1, 4, 3, 2), spread(2, 2, 2), orders=1),
    row("tf.nn.dilation2d(a, b, [1, 2, 1, 1], 'VALID', 'NHWC', [1, 2, 1, 1])",
        spread(1, 5, 4, 1), spread(2, 2, 1), orders=1),
    row("tf.nn.erosion2d(a, b, [1, 1, 1, 1], 'VALID', 'NHWC', [1, 1, 1, 1])",
        spread(1, 4, 3, 2), spread(2, 2, 2), orders=1),
    row("tf.nn.local_response_normalization(tf.cast(a, tf.float32), 1, 1.5, 0.7, 0.6)", real(1, 2, 2, 4),
        orders=1,
        torch="torch.movedim(F.local_response_norm("
        "torch.movedim(a.float(), -1, 1), 3, 0.7 * 3, 0.6, 1.5), 1, -1)"),
]  # fmt: skip
