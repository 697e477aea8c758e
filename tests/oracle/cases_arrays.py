"""Recorded cases: reductions, scans, order, and everything that moves elements. Not a test."""

from __future__ import annotations

from tests.oracle.case import Case, row
from tests.oracle.inputs import bools, empty, ints, lit, real, spread

# TensorFlow's reduction, PyTorch's over dimension D with keepdim K, and whether ties must be avoided.
REDUCTIONS = [
    ("tf.reduce_sum", "torch.sum(a, D, keepdim=K)", real),
    ("tf.reduce_mean", "torch.mean(a, D, keepdim=K)", real),
    ("tf.reduce_max", "torch.amax(a, D, keepdim=K)", spread),
    ("tf.reduce_min", "torch.amin(a, D, keepdim=K)", spread),
    ("tf.reduce_logsumexp", "torch.logsumexp(a, D, keepdim=K)", real),
    ("tf.math.reduce_variance", "torch.var(a, D, correction=0, keepdim=K)", real),
    ("tf.math.reduce_std", "torch.std(a, D, correction=0, keepdim=K)", real),
    ("tf.math.reduce_euclidean_norm", "torch.linalg.vector_norm(a, 2, D, keepdim=K)", real),
]


def _reductions() -> list[Case]:
    rows = []
    for call, torch, make in REDUCTIONS:
        for axis, keep in (((0, 1, 2), False), ((1,), False), ((0, 2), True), ((-1,), True)):
            tf_axis = axis if len(axis) > 1 else axis[0]
            rows.append(
                row(
                    f"{call}(a, axis={tf_axis}, keepdims={keep})",
                    make(2, 3, 4),
                    torch=torch.replace("D", str(axis)).replace("K", str(keep)),
                )
            )
        rows.append(
            row(f"{call}(a)", make(3, 2), torch=torch.replace("D", "(0, 1)").replace("K", "False"))
        )
    return rows


def _scans() -> list[Case]:
    rows = []
    for axis in (0, -1):
        for exclusive in (False, True):
            for reverse in (False, True):
                options = f"axis={axis}, exclusive={exclusive}, reverse={reverse}"
                for name in ("cumsum", "cumprod", "cumulative_logsumexp"):
                    torch = "torch.logcumsumexp" if "log" in name else f"torch.{name}"
                    inner = f"torch.flip(a, [{axis}])" if reverse else "a"
                    whole = f"{torch}({inner}, {axis})"
                    whole = f"torch.flip({whole}, [{axis}])" if reverse else whole
                    # Below the -inf at which an exclusive one starts, TensorFlow computes inf - inf.
                    differs = {"second": "inf - inf"} if exclusive and "log" in name else {}
                    call, whole = f"tf.math.{name}(a, {options})", "" if exclusive else whole
                    rows.append(row(call, real(3, 4), torch=whole, differs=differs))
    return rows


def _scatters() -> list[Case]:
    places = "tf.constant([[3], [0], [4]])"
    rows = [
        row(f"tf.tensor_scatter_nd_{name}(a, {places}, b)", real(6, 2), spread(3, 2),
            torch=f"a.index_{torch}" if torch else "")
        for name, torch in (
            ("update", "copy(0, torch.tensor([3, 0, 4]), b)"), ("add", "add(0, torch.tensor([3, 0, 4]), b)"),
            ("sub", "add(0, torch.tensor([3, 0, 4]), -b)"), ("max", ""), ("min", ""))
    ]  # fmt: skip
    repeated = "tf.constant([[3], [0], [3], [3]])"
    rows += [
        row(f"tf.tensor_scatter_nd_{name}(a, {repeated}, b)", real(5), spread(4),
            torch=f"a.index_add(0, torch.tensor([3, 0, 3, 3]), {sign}b)" if sign is not None else "")
        for name, sign in (("add", ""), ("sub", "-"), ("max", None), ("min", None))
    ]  # fmt: skip
    pairs = "tf.constant([[0, 1], [2, 0], [0, 1]])"
    rows += [
        row(f"tf.tensor_scatter_nd_add(a, {pairs}, b)", real(3, 2), real(3)),
        row(f"tf.scatter_nd({pairs}, a, [3, 2])", real(3)),
        row("tf.scatter_nd(tf.constant([[2], [0], [2]]), a, [4, 2])", real(3, 2),
            torch="torch.zeros(4, 2, dtype=torch.float64).index_add(0, torch.tensor([2, 0, 2]), a)"),
    ]  # fmt: skip
    return rows


def _segments() -> list[Case]:
    """Segment 1 has no element; a negative number leaves a row out of the unsorted ones."""
    rows = []
    for name in ("sum", "mean", "max", "min", "prod"):
        # The second derivative of an empty segment is 0/0 in TensorFlow, and 0 here.
        differs = {"second": "0/0"} if name in ("mean", "max", "min") else {}
        rows.append(
            row(f"tf.math.segment_{name}(a, [0, 0, 2, 3, 3])", spread(5, 2), differs=differs)
        )
        rows.append(row(f"tf.math.segment_{name}(a, [0, 0, 0])", spread(3)))
    for name in ("sum", "mean", "max", "min", "prod", "sqrt_n"):
        rows.append(
            row(f"tf.math.unsorted_segment_{name}(a, [2, 0, 2, -1, 0], 4)", spread(5, 2))
            if name in ("sum", "prod", "sqrt_n", "mean")
            else row(f"tf.math.unsorted_segment_{name}(a, [2, 0, 2, 1, 0], 3)", spread(5, 2))
        )
    return rows


CASES: list[Case] = [
    *_reductions(),
    *_scans(),
    *_scatters(),
    *_segments(),
    *(
        row(f"tf.reduce_prod(a, axis={axis})", real(2, 3, 2), torch=torch)
        for axis, torch in ((1, "torch.prod(a, 1)"), (-1, "torch.prod(a, -1)"), (None, "torch.prod(a)"),
                            ((0, 2), "torch.prod(torch.prod(a, 2), 0)"))
    ),
    row("tf.reduce_all(a, axis=1)", bools(3, 2), torch="torch.all(a, 1)"),
    row("tf.reduce_any(a, axis=0)", bools(3, 2), torch="torch.any(a, 0)"),
    row("tf.argmax(a, axis=1)", spread(3, 4), torch="torch.argmax(a, 1)"),
    row("tf.argmin(a, axis=0)", spread(3, 4), torch="torch.argmin(a, 0)"),
    row("tf.math.count_nonzero(a, axis=1)", lit([[0.0, 1.0], [2.0, 3.0]]), torch="torch.count_nonzero(a, 1)"),
    row("tf.math.zero_fraction(a)", lit([[0.0, 1.0], [2.0, 3.0]])),
    row("tf.sort(a)", spread(3, 4), torch="torch.sort(a).values"),
    row("tf.sort(a, axis=0, direction='DESCENDING')", spread(3, 4), torch="torch.sort(a, 0, True).values"),
    row("tf.argsort(a, direction='DESCENDING')", spread(3, 4), torch="torch.argsort(a, descending=True)"),
    row("tf.math.top_k(a, 2)", spread(3, 4), torch="list(torch.topk(a, 2))"),
    row("tf.math.in_top_k([1, 0, 3], tf.cast(a, tf.float32), 2)", spread(3, 4)),
    row("tf.math.invert_permutation([3, 0, 2, 1])"),
    row("tf.searchsorted([1.0, 3.0, 3.0, 5.0], [0.0, 3.0, 9.0])",
        torch="torch.searchsorted(torch.tensor([1.0, 3.0, 3.0, 5.0]), torch.tensor([0.0, 3.0, 9.0]))"),
    row("tf.searchsorted([1.0, 3.0, 3.0, 5.0], [0.0, 3.0, 9.0], side='right')"),
    row("tf.unique(a)", lit([7.0, 4.0, 7.0, 1.0]), orders=0),
    row("tf.unique_with_counts(a)", lit([7.0, 4.0, 7.0, 1.0]), orders=0),
    row("tf.math.bincount([1, 1, 2, 5, 0])", torch="torch.bincount(torch.tensor([1, 1, 2, 5, 0]))"),
    row("tf.math.bincount([1, 1, 2], minlength=5)"),
    row("tf.math.bincount([1, 1, 2], weights=tf.constant([0.5, 0.25, 1.0]))"),
    row("tf.math.confusion_matrix([0, 1, 2, 1], [0, 2, 2, 1])"),
    row("tf.histogram_fixed_width(a, [0.0, 5.0], nbins=5)", lit([-1.0, 0.0, 1.5, 2.0, 5.0, 15.0], "float32")),
    row("tf.histogram_fixed_width_bins(a, [0.0, 5.0], nbins=5)",
        lit([-1.0, 0.0, 1.5, 2.0, 5.0, 15.0], "float32")),
    row("tf.math.is_non_decreasing(a)", lit([1.0, 1.0, 2.0])),
    row("tf.math.is_strictly_increasing(a)", lit([1.0, 1.0, 2.0])),
    # Shape.
    row("tf.reshape(a, [3, -1])", real(2, 3), torch="a.reshape(3, -1)"),
    row("tf.function(lambda x, shape: tf.reshape(x, shape), autograph=False)(a, tf.constant([6]))",
        real(2, 3),
        torch="a.reshape(6)"),
    row("tf.expand_dims(a, 1)", real(2, 3), torch="a.unsqueeze(1)"),
    row("tf.expand_dims(a, -1)", real(2, 3), torch="a.unsqueeze(-1)"),
    row("tf.squeeze(a)", real(1, 2, 1), torch="a.squeeze()"),
    row("tf.squeeze(a, [-1])", real(1, 2, 1), torch="a.squeeze(-1)"),
    row("tf.transpose(a)", real(2, 3), torch="a.T"),
    row("tf.transpose(a, [2, 0, 1])", real(2, 3, 2), torch="a.permute(2, 0, 1)"),
    row("tf.broadcast_to(a, [2, 3, 2])", real(3, 1), torch="a.expand(2, 3, 2)"),
    row("tf.function(lambda x, shape: tf.broadcast_to(x, shape), autograph=False)(a, tf.constant([2, 3]))",
        real(3),
        torch="a.expand(2, 3)"),
    row("tf.ensure_shape(a, [None, 3])", real(2, 3), torch="a.clone()"),
    row("tf.shape(a)", empty(2, 0, 3)),
    row("tf.size(a)", real(2, 3)),
    row("tf.rank(a)", real(2, 3)),
    row("tf.broadcast_static_shape(tf.TensorShape([2, 1]), tf.TensorShape([3])).as_list()"),
    row("tf.convert_to_tensor([[1, 2], [3, 4]])"),
    row("[tf.is_tensor(a), tf.is_tensor(1)]", real()),
    row("tf.shape_n([a, b])", real(2, 3), real()),
    row("tf.broadcast_dynamic_shape([2, 1], [3])"),
    row("tf.zeros_like(a)", real(2, 3)),
    row("tf.ones_like(a)", real(2, 3)),
    row("a * tf.zeros_like(a) + tf.ones_like(a)", real(2, 3), torch="a * torch.zeros_like(a) + 1"),
    # Slices.
    row("a[1]", real(4, 3), torch="a[1]"),
    row("a[::2, 1:]", real(4, 3), torch="a[::2, 1:]"),
    row("a[..., -1]", real(4, 3), torch="a[..., -1]"),
    row("a[::-2]", real(5), torch="torch.flip(a, [0])[::2]"),
    row("a[:, tf.newaxis, 0:2]", real(4, 3), torch="a[:, None, 0:2]"),
    row("a[3:1]", real(5), torch="a[3:1]"),
    row("a[-100:100]", real(3), torch="a[-100:100]"),
    row("tf.slice(a, [1, 0], [2, -1])", real(4, 3), torch="a[1:3]"),
    row("tf.strided_slice(a, [0, 2], [4, 0], [2, -1])", real(4, 3), torch="torch.flip(a, [1])[0:4:2, 0:2]"),
    # Indices.
    row("tf.gather(a, [2, 0, 2])", real(3, 2), torch="a[[2, 0, 2]]", label="repeated indices"),
    row("tf.gather(a, [[2, 0], [1, 2]], axis=1)", real(2, 3, 2), torch="a[:, [[2, 0], [1, 2]]]"),
    row("tf.gather(a, [1, 0], axis=-1)", real(2, 3), torch="a[..., [1, 0]]"),
    row("tf.gather(a, [[1, 0], [2, 2]], axis=1, batch_dims=1)", real(2, 3, 2),
        torch="torch.stack([a[0, [1, 0]], a[1, [2, 2]]])"),
    row("tf.gather_nd(a, [[0, 1], [2, 0], [0, 1]])", real(3, 2), torch="a[[0, 2, 0], [1, 0, 1]]"),
    row("tf.gather_nd(a, [[2], [2]])", real(3, 2), torch="a[[2, 2]]"),
    row("tf.gather_nd(a, [[1], [0]], batch_dims=1)", real(2, 3), torch="a[[0, 1], [1, 0]]"),
    row("tf.boolean_mask(a, [True, False, True])", real(3, 2), torch="a[[0, 2]]"),
    row("tf.boolean_mask(a, [[True, False], [False, True]])", real(2, 2), torch="a[[0, 1], [0, 1]]"),
    row("tf.boolean_mask(a, [True, False, True], axis=1)", real(2, 3), torch="a[:, [0, 2]]"),
    row("tf.dynamic_partition(a, [0, 1, 0, 2], 3)", real(4, 2), torch="[a[[0, 2]], a[[1]], a[[3]]]"),
    row("tf.dynamic_stitch([[2, 0], [1, 3]], [a, b])", real(2, 2), real(2, 2),
        torch="torch.stack([a[1], b[0], a[0], b[1]])"),
    row("tf.unravel_index([5, 0, 3], [2, 3])"),
    # Several as one, one as several.
    row("tf.concat([a, b, a], 0)", real(2, 3), real(1, 3), torch="torch.cat([a, b, a], 0)"),
    row("tf.concat([a, b], -1)", real(2, 3), empty(2, 0), torch="torch.cat([a, b], -1)"),
    row("tf.stack([a, b], axis=1)", real(2, 3), real(2, 3), torch="torch.stack([a, b], 1)"),
    row("tf.unstack(a, axis=1)", real(2, 3), torch="list(torch.unbind(a, 1))"),
    row("tf.split(a, 3, axis=1)", real(2, 6), torch="list(torch.split(a, 2, 1))"),
    row("tf.split(a, [1, -1, 2])", real(6, 2), torch="list(torch.split(a, [1, 3, 2]))"),
    row("tf.split(a, 2)[1]", real(4, 2), torch="a[2:]"),
    row("tf.tile(a, [2, 3])", real(2, 2), torch="a.tile(2, 3)"),
    row("tf.repeat(a, 2, axis=1)", real(2, 3), torch="a.repeat_interleave(2, 1)"),
    row("tf.repeat(a, [2, 0, 1], axis=0)", real(3, 2), torch="a[[0, 0, 2]]"),
    row("tf.repeat(a, 3)", real(2, 2), torch="a.reshape(-1).repeat_interleave(3)"),
    row("tf.reverse(a, [0, -1])", real(2, 3), torch="torch.flip(a, [0, 1])"),
    row("tf.reverse_sequence(a, [2, 3], seq_axis=1)", real(2, 3),
        torch="a[[[0], [1]], [[1, 0, 2], [2, 1, 0]]]"),
    row("tf.roll(a, [-1, 5], [0, 1])", real(3, 4), torch="torch.roll(a, [-1, 5], [0, 1])"),
    row("tf.pad(a, [[1, 0], [2, 1]])", real(2, 3), torch="F.pad(a, (2, 1, 1, 0))"),
    row("tf.pad(a, [[1, 0], [2, 1]], constant_values=1.5)", real(2, 3),
        torch="F.pad(a, (2, 1, 1, 0), value=1.5)"),
    row("tf.pad(a, [[1, 2]], constant_values=b)", real(3), real(),
        torch="torch.cat([b.expand(1), a, b.expand(2)])",
        differs={"first": "TensorFlow has none by the constant", "second": "the same"}),
    row("tf.pad(a, [[1, 1], [2, 2]], 'REFLECT')", real(3, 4),
        torch="F.pad(a[None, None], (2, 2, 1, 1), 'reflect')[0, 0]"),
    row("tf.pad(a, [[1, 2], [2, 0]], 'SYMMETRIC')", real(3, 4)),
    row("tf.meshgrid(a, b)", real(3), real(2), torch="list(torch.meshgrid(a, b, indexing='xy'))"),
    row("tf.meshgrid(a, b, indexing='ij')", real(3), real(2),
        torch="list(torch.meshgrid(a, b, indexing='ij'))"),
    row("tf.linspace(a, b, 5)", real(), real(),
        torch="a + (b - a) * torch.linspace(0, 1, 5, dtype=torch.float64)"),
    row("tf.linspace(a, b, 3, axis=1)", real(2), real(2)),
    row("tf.space_to_batch(a, [2, 2], [[0, 0], [1, 1]])", real(1, 2, 4, 1)),
    row("tf.batch_to_space(a, [2, 2], [[0, 0], [1, 0]])", real(4, 2, 2, 1)),
    row("tf.required_space_to_batch_paddings([5, 7], [2, 3])"),
    row("tf.required_space_to_batch_paddings([5, 7], [2, 3], [[1, 0], [0, 1]])"),
    row("tf.nn.space_to_depth(a, 2)", real(1, 4, 2, 3)),
    row("tf.nn.depth_to_space(a, 2)", real(1, 2, 1, 8)),
    # Made from nothing or from integers.
    row("tf.one_hot([0, 2, -1, 1], 3)", torch=""),
    row("tf.one_hot([[0, 2], [1, 5]], 3, on_value=2.5, off_value=-1.0, axis=1)"),
    row("tf.sequence_mask([1, 3, 0], 4)"),
    row("tf.range(2, 11, 3)"),
    row("tf.range(5.0, 0.0, -1.5)"),
    row("tf.eye(2, 3, batch_shape=[2])"),
    row("tf.fill([2, 2], 7)"),
    row("[tf.zeros([2, 1]), tf.ones([0, 2], tf.int32)]"),
    row("tf.saturate_cast(a, tf.uint8)", lit([-3.5, 0.5, 200.7, 300.0]), orders=0),
    row("tf.bitcast(a, tf.int32)", lit([1.0, -2.0, 0.1], "float32"), orders=0),
    row("tf.cast(a, tf.float32)", real(2, 3), torch="a.to(torch.float32)"),
    row("tf.cast(a, tf.complex128)", real(2, 3), torch="a.to(torch.complex128)"),
    row("tf.cast(a, tf.float64)", ints(4), torch="a.to(torch.float64)"),
]  # fmt: skip
