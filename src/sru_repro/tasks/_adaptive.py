"""Large vocabularies in clusters by frequency: adaptive input (Baevski & Auli, ICLR 2019) and adaptive softmax
(Grave et al., ICML 2017), in the form that Transformer-XL and SRU++ tie them in.

    cluster i holds the words cutoffs[i-1] <= v < cutoffs[i], by falling frequency, with vectors of E / div_value^i
    embedding   x = P_i a_v                                    P_i (H, E_i) projects a_v, the vector of v, to the model;
                                                               one P for all where all vectors are of one size
    head        softmax over cluster 0 and one entry per tail cluster: a_v . P_0^T h + b_v,  t_i . P_0^T h + s_i
    tail        p(v) = p(cluster i) softmax over cluster i of a_v . P_i^T h + b_v

Shapes: N positions, V words, E embedding size, E_i that of cluster i, H width of the model.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.errors import ConfigError
from ..data.batches import Sizes
from ._base import Batches, full_precision


class Cluster(NamedTuple):
    """The words start <= v < stop, with vectors of `size`."""

    start: int
    stop: int
    size: int


def clusters(
    vocabulary: int, embedding_size: int, cutoffs: Sequence[int], div_value: int
) -> tuple[Cluster, ...]:
    """The clusters, the most frequent words first.

    Raises:
        ConfigError: cutoffs that do not rise, or lie outside the vocabulary; vectors without a feature.
    """
    edges = [0, *cutoffs, vocabulary]
    if any(stop <= start for start, stop in pairwise(edges)):
        raise ConfigError(
            f"task.cutoffs: expected rising numbers above 0 and below the vocabulary's {vocabulary:,} words, "
            f"found {list(cutoffs)}; [] makes one full softmax"
        )
    if div_value < 1 or embedding_size // div_value ** len(cutoffs) < 1:
        raise ConfigError(
            f"task.div_value: expected at least 1, and at most what leaves the last of {len(cutoffs) + 1} clusters "
            f"a feature of task.embedding_size={embedding_size}; found {div_value}"
        )
    return tuple(
        Cluster(start, stop, embedding_size // div_value**i)
        for i, (start, stop) in enumerate(pairwise(edges))
    )


def _vectors(parts: Sequence[Cluster], width: int) -> nn.ParameterList:
    """Word vectors (n_i, E_i), uniform of variance 1 / H whatever their own size, as the authors of SRU++ do."""
    vectors = nn.ParameterList(nn.Parameter(torch.empty(stop - start, size)) for start, stop, size in parts)
    for vector in vectors:
        nn.init.uniform_(vector, -math.sqrt(3 / width), math.sqrt(3 / width))
    return vectors


def _projections(parts: Sequence[Cluster], width: int) -> nn.ParameterList:
    """Projections (H, E_i), Xavier uniform, as theirs; none where all vectors have the model's width."""
    if all(part.size == width for part in parts):
        return nn.ParameterList()
    projections = nn.ParameterList(nn.Parameter(torch.empty(width, part.size)) for part in parts)
    for projection in projections:
        nn.init.xavier_uniform_(projection)
    return projections


class AdaptiveEmbedding(nn.Module):
    """Word vectors by cluster, projected to the width of the model.

    With `div_value` 1 all clusters share one projection, as in Transformer-XL's code, which has one table then.

    Args:
        vocabulary: V, words sorted by falling frequency.
        embedding_size: E, features of the vectors of cluster 0.
        output_size: H.
        cutoffs: first word of every cluster but the first.
        div_value: by how much vectors shrink from cluster to cluster.
        dropout: probability of dropout on the vectors, before they are projected.

    Raises:
        ConfigError: see `clusters`.
    """

    def __init__(
        self,
        vocabulary: int,
        embedding_size: int,
        output_size: int,
        cutoffs: Sequence[int],
        div_value: int,
        *,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.clusters = clusters(vocabulary, embedding_size, cutoffs, div_value)
        self.output_size = output_size
        self.vectors = _vectors(self.clusters, output_size)
        shared = all(part.size == embedding_size for part in self.clusters)
        self.projections = _projections(self.clusters[:1] if shared else self.clusters, output_size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids: Tensor) -> Tensor:
        """Vectors (..., H) of the words (...).

        Every cluster is asked for all words and answers zero for those of others: no shape depends on the words,
        so nothing waits for the device, and the projections are one product.
        """
        found = []
        for (start, stop, _), vector in zip(self.clusters, self.vectors, strict=True):
            rows = F.embedding(ids.clamp(start, stop - 1) - start, vector)
            strange = (ids < start) | (ids >= stop)
            found.append(self.dropout(rows).masked_fill(strange.unsqueeze(-1), 0.0))
        if len(self.projections) > 1:
            return F.linear(torch.cat(found, -1), torch.cat(list(self.projections), 1))
        vectors = torch.stack(found).sum(0)
        return F.linear(vectors, self.projections[0]) if len(self.projections) else vectors

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """As every module's; of weights with a projection for each cluster where here is one for all, it says so."""
        *_, errors = rest
        found = [key for key in state_dict if key.startswith(f"{prefix}projections.")]
        if len(self.projections) == 1 and len(found) > 1:
            errors.append(
                f"{prefix}projections: expected one, which all clusters share with task.div_value=1, found "
                f"{len(found)}: these weights are of an earlier revision; train the run again"
            )
            for key in found[1:]:
                del state_dict[key]
        super()._load_from_state_dict(state_dict, prefix, *rest)


class AdaptiveSoftmax(nn.Module):
    """Log-probabilities of words in two steps, cluster and word, so that rare words cost little.

    Args:
        input_size: H, width of what comes in.
        vocabulary, embedding_size, cutoffs, div_value: as in `AdaptiveEmbedding`.
        tied_to: the embedding whose vectors are these too; None: vectors of its own.
        tie_projections: its projections are these too, transposed: all of them, the head's included (which the
            papers' parameter counts on WikiText-103 show).
        dropout: probability of dropout between projection and word vectors.

    Raises:
        ConfigError: see `clusters`; what is to be tied does not fit.
    """

    edges: Tensor

    def __init__(
        self,
        input_size: int,
        vocabulary: int,
        embedding_size: int,
        cutoffs: Sequence[int],
        div_value: int,
        *,
        tied_to: AdaptiveEmbedding | None,
        tie_projections: bool,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.clusters = clusters(vocabulary, embedding_size, cutoffs, div_value)
        _check_ties(self.clusters, input_size, tied_to, tie_projections)
        tails = len(self.clusters) - 1
        self.vectors = _vectors(self.clusters, input_size) if tied_to is None else tied_to.vectors
        if tied_to is not None and tie_projections:
            self.projections = tied_to.projections
        else:
            self.projections = _projections(self.clusters, input_size)
        self.biases = nn.ParameterList(
            nn.Parameter(torch.zeros(stop - start)) for start, stop, _ in self.clusters
        )
        self.tail_vectors = nn.Parameter(torch.empty(tails, embedding_size))
        self.tail_biases = nn.Parameter(torch.zeros(tails))
        nn.init.uniform_(self.tail_vectors, -math.sqrt(3 / input_size), math.sqrt(3 / input_size))
        self.dropout = nn.Dropout(dropout)
        edges = [*(part.start for part in self.clusters), vocabulary]
        self.register_buffer("edges", torch.tensor(edges), persistent=False)

    def room(self, targets: npt.NDArray[np.integer]) -> Sizes:
        """How many rows each tail is computed for: at least those of the targets, rounded up to a few sizes."""
        grain = max(1, targets.size // 32)
        counts = np.histogram(targets, [part.start for part in self.clusters] + [self.clusters[-1].stop])[0]
        return Sizes(*(int(min(targets.size, -(-count // grain) * grain)) for count in counts[1:]))

    def nats(self, h_NH: Tensor, targets_N: Tensor, room: Sizes | None = None) -> Tensor:
        """-ln p of the targets, (N,), in float32 at least. A tail is computed for the targets that lie in it alone.

        The one wait for the device is to learn how many targets each cluster has (the meta device cannot tell). With
        `room` nothing waits: a tail takes so many rows, and those behind its own targets do not count.
        """
        head = self.clusters[0]
        cluster_N = torch.bucketize(targets_N, self.edges[:-1], right=True) - 1
        in_head_N = torch.where(cluster_N == 0, targets_N, head.stop + cluster_N - 1)
        nats_N = F.cross_entropy(self._head(h_NH), in_head_N, reduction="none")
        if len(self.clusters) == 1:
            return nats_N
        targets_N, order_N = targets_N.sort(stable=True)  # a cluster's words lie side by side
        if room is not None:
            for i, rows in enumerate(room.values, 1):
                places_n, own_n = self._places(i, rows, targets_N)
                found_n = self._tail_nats(i, h_NH[order_N[places_n]], targets_N[places_n])
                nats_N = nats_N.index_add(0, order_N[places_n], torch.where(own_n, found_n, 0.0))
            return nats_N
        begins = torch.searchsorted(targets_N, self.edges).tolist()
        in_tail = []
        for i in range(1, len(self.clusters)):
            now = slice(begins[i], begins[i + 1])
            in_tail.append(self._tail_nats(i, h_NH[order_N[now]], targets_N[now]))
        return nats_N.index_add(0, order_N[begins[1] :], torch.cat(in_tail))

    def _places(self, i: int, rows: int, sorted_N: Tensor) -> tuple[Tensor, Tensor]:
        """`rows` places among the sorted targets from the first of cluster i on, and which of them are its own."""
        begin, end = torch.searchsorted(sorted_N, self.edges[i : i + 2])
        places_n = begin + torch.arange(rows, device=sorted_N.device)
        return places_n.clamp(max=len(sorted_N) - 1), places_n < end

    def _tail_nats(self, i: int, h_NH: Tensor, targets_N: Tensor) -> Tensor:
        """-ln p of words of cluster i, given the cluster; of other words any number."""
        start, stop, _ = self.clusters[i]
        logits = self._tail(i, h_NH)
        return F.cross_entropy(logits, targets_N.clamp(start, stop - 1) - start, reduction="none")

    def log_probabilities(self, h_NH: Tensor) -> Tensor:
        """ln p of all words, (N, V), in float32 at least."""
        head = self._head(h_NH).log_softmax(-1)
        words, tails = head.split([self.clusters[0].stop, len(self.clusters) - 1], -1)
        parts = [
            tails[:, i - 1 : i] + self._tail(i, h_NH).log_softmax(-1) for i in range(1, len(self.clusters))
        ]
        return torch.cat([words, *parts], -1)

    def _head(self, h_NH: Tensor) -> Tensor:
        """Logits of the words of cluster 0, then of the tail clusters."""
        weight = torch.cat([self.vectors[0], self.tail_vectors])
        bias = torch.cat([self.biases[0], self.tail_biases])
        return full_precision(F.linear(self._projected(0, h_NH), weight, bias))

    def _tail(self, i: int, h_NH: Tensor) -> Tensor:
        """Logits of the words of cluster i."""
        return full_precision(F.linear(self._projected(i, h_NH), self.vectors[i], self.biases[i]))

    def _projected(self, i: int, h_NH: Tensor) -> Tensor:
        if len(self.projections):  # of a tied embedding all may share one
            h_NH = F.linear(h_NH, self.projections[min(i, len(self.projections) - 1)].t())
        return self.dropout(h_NH)


@dataclass(frozen=True)
class WithRoom:
    """Segments of a text, each with what `AdaptiveSoftmax.room` says of its targets."""

    segments: Batches
    output: AdaptiveSoftmax

    def __len__(self) -> int:
        return len(self.segments)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Sizes]:
        inputs_LB, targets_LB = self.segments[index]
        return inputs_LB, targets_LB, self.output.room(targets_LB.numpy())


def _check_ties(
    parts: tuple[Cluster, ...], input_size: int, tied_to: AdaptiveEmbedding | None, tie_projections: bool
) -> None:
    if tied_to is None:
        if tie_projections:
            raise ConfigError("task.tie_projections=true needs task.tie_weights=true, found false")
        return
    if tied_to.clusters != parts:
        raise ConfigError(
            "task.tie_weights: expected the same words and sizes of vectors on both sides, "
            f"found {[tuple(part) for part in tied_to.clusters]} and {[tuple(part) for part in parts]}"
        )
    if tie_projections and tied_to.output_size != input_size:
        raise ConfigError(
            f"task.tie_projections: expected a model whose output is as wide as its input, {tied_to.output_size}, "
            f"found {input_size}; set task.tie_projections=false"
        )
