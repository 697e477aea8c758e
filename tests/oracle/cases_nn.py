"""Recorded cases: what `tf.nn` offers beyond functions of one element. Not a test."""

from __future__ import annotations

from tests.oracle.case import Case, row
from tests.oracle.inputs import lit, real, spread

ONE_HOT = lit([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
SHARES = lit([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
BINARY = lit([[0.0, 1.0, 0.25], [1.0, 0.5, 0.0]])

# TensorFlow's second derivatives, which take something for a constant that is none. PyTorch's are ours.
LABELS = {"second": "TensorFlow leaves out that the labels are differentiated too"}
MEAN = {"second": "TensorFlow takes the mean within the variance for a constant"}


def _drawn(true_counts: str) -> str:
    """Drawn classes, and how often the true ones and the drawn ones were to be expected."""
    return (
        f"(tf.constant([0, 3, 1], tf.int64), tf.constant({true_counts}, tf.float64), "
        "tf.constant([0.9, 0.4, 0.1], tf.float64))"
    )


CASES: list[Case] = [
    row("tf.nn.softmax(a)", real(2, 3), torch="torch.softmax(a, -1)"),
    row("tf.nn.softmax(a, axis=0)", real(3, 2), torch="torch.softmax(a, 0)"),
    row("tf.nn.softmax(a)", lit([[1000.0, 1001.0, -1000.0]]), torch="torch.softmax(a, -1)", label="large"),
    row("tf.nn.log_softmax(a)", real(2, 3), torch="torch.log_softmax(a, -1)"),
    row("tf.nn.log_softmax(a, axis=0)", real(3, 2), torch="torch.log_softmax(a, 0)"),
    row("tf.nn.log_softmax(a)", lit([[1000.0, 1001.0, -1000.0]]),
        torch="torch.log_softmax(a, -1)", label="large"),
    row("tf.nn.softmax_cross_entropy_with_logits(labels=a, logits=b)", SHARES, real(2, 3),
        torch="-(a * torch.log_softmax(b, -1)).sum(-1)", differs=LABELS),
    row("tf.nn.softmax_cross_entropy_with_logits(labels=a, logits=b)", ONE_HOT, real(2, 3),
        torch="-(a * torch.log_softmax(b, -1)).sum(-1)", label="one-hot", differs=LABELS),
    row("tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[2, 0], logits=a)", real(2, 3),
        torch="F.cross_entropy(a, torch.tensor([2, 0]), reduction='none')"),
    row("tf.nn.sigmoid_cross_entropy_with_logits(labels=a, logits=b)", BINARY, real(2, 3, low=-5, high=5),
        torch="F.binary_cross_entropy_with_logits(b, a, reduction='none')"),
    row("tf.nn.sigmoid_cross_entropy_with_logits(labels=a, logits=b)", lit([1.0, 0.0]), lit([-800.0, 800.0]),
        torch="F.binary_cross_entropy_with_logits(b, a, reduction='none')", label="large"),
    row("tf.nn.weighted_cross_entropy_with_logits(labels=a, logits=b, pos_weight=2.5)", BINARY, real(2, 3),
        torch="F.binary_cross_entropy_with_logits(b, a, pos_weight=torch.tensor(2.5), reduction='none')"),
    row("tf.nn.log_poisson_loss(targets=a, log_input=b)", real(3, low=0.5, high=4), real(3),
        torch="F.poisson_nll_loss(b, a, reduction='none')"),
    row("tf.nn.log_poisson_loss(targets=a, log_input=b, compute_full_loss=True)",
        lit([0.5, 1.5, 4.0]), real(3)),
    row("tf.nn.log_poisson_loss(targets=a, log_input=b, compute_full_loss=True)", lit([0.0]), real(1),
        label="0", differs={"first": "0 log 0 gives NaN in TensorFlow", "second": "the same"}),
    row("tf.nn.l2_loss(a)", real(2, 3), torch="(a * a).sum() / 2"),
    row("tf.nn.bias_add(a, b)", real(2, 2, 3), real(3), torch="a + b"),
    row("tf.nn.bias_add(a, b, data_format='NC...')", real(2, 3, 2), real(3), torch="a + b[:, None]"),
    row("tf.nn.batch_normalization(a, b, c, d, e, 1e-3)", real(4, 3), real(3), real(3, low=0.5, high=2),
        real(3), real(3),
        torch="(a - b) / torch.sqrt(c + 1e-3) * e + d"),
    row("tf.nn.batch_normalization(a, b, c, None, None, 1e-3)", real(4, 3), real(3), real(3, low=0.5, high=2),
        torch="(a - b) / torch.sqrt(c + 1e-3)"),
    row("tf.nn.moments(a, [0])", real(4, 3), torch="[a.mean(0), a.var(0, correction=0)]", differs=MEAN),
    row("tf.nn.moments(a, [0, 2], keepdims=True)", real(2, 3, 2),
        torch="[a.mean((0, 2), keepdim=True), a.var((0, 2), correction=0, keepdim=True)]", differs=MEAN),
    row("tf.nn.weighted_moments(a, [0], b)", real(4, 3), real(4, 1, low=0.5, high=2)),
    row("tf.nn.sufficient_statistics(a, [0])[1:3]", real(4, 3), torch="[a.sum(0), (a * a).sum(0)]"),
    row("tf.nn.normalize_moments(a, b, c, None)", real(low=3, high=4), real(3), real(3, low=5, high=9)),
    row("tf.nn.embedding_lookup(a, [[3, 0], [3, 1]])", real(4, 2),
        torch="F.embedding(torch.tensor([[3, 0], [3, 1]]), a)"),
    # With classes that were drawn before: 0, 3 and 1, of which two are true ones of an example.
    *(
        row(f"tf.nn.{name}(a, b, {labels}, c, 3, 5, {true}, {drawn}{options})",
            real(5, 2), real(5), real(2, 2))
        for name in ("nce_loss", "sampled_softmax_loss")
        for options in ("", ", remove_accidental_hits=True", ", remove_accidental_hits=False")
        for true, labels, drawn in (
            (1, "tf.constant([[3], [2]], tf.int64)", _drawn("[[0.4], [0.7]]")),
            (2, "tf.constant([[3, 1], [2, 0]], tf.int64)", _drawn("[[0.4, 0.1], [0.7, 0.9]]")),
        )
    ),
    row("tf.nn.compute_accidental_hits([[1, 5], [7, 0]], tf.constant([7, 1, 3, 5], tf.int64), 2)"),
    row("tf.debugging.check_numerics(a, 'a')", real(2, 3), torch="a.clone()"),
    row("tf.nn.compute_average_loss(a, sample_weight=b, global_batch_size=8)", real(4), real(4),
        torch="(a * b).sum() / 8", rtol={"tensorflow": 1e-6}),  # it computes in float32
    row("tf.nn.scale_regularization_loss(a)", real(3), torch="a.sum()"),
    row("tf.nn.isotonic_regression(a)", spread(2, 6)),
    row("tf.nn.isotonic_regression(a, decreasing=False, axis=0)", spread(5, 2)),
    row("tf.nn.experimental.general_dropout(a, 0.4, lambda shape, dtype: "
        "tf.constant([[0.2, 0.7, 0.4], [0.9, 0.39, 0.41]], dtype))", real(2, 3),
        torch="a * torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0]], dtype=torch.float64) / 0.6"),
    row("tf.nn.dropout(a, 0.0)", real(2, 3), torch="F.dropout(a, 0.0)"),
]  # fmt: skip
