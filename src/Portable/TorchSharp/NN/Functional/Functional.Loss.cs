using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public static partial class functional
        {
            private static readonly Operator s_crossEntropy = new("cross_entropy_loss"), s_nll = new("nll_loss_nd");
            private static readonly Operator s_bce = new("binary_cross_entropy"), s_bceWithLogits = new("binary_cross_entropy_with_logits");
            private static readonly Operator s_mse = new("mse_loss"), s_l1 = new("l1_loss"), s_smoothL1 = new("smooth_l1_loss"), s_huber = new("huber_loss");
            private static readonly Operator s_softMargin = new("soft_margin_loss"), s_marginRanking = new("margin_ranking_loss");
            private static readonly Operator s_hinge = new("hinge_embedding_loss"), s_cosineEmbedding = new("cosine_embedding_loss");
            private static readonly Operator s_klDiv = new("kl_div"), s_poissonNll = new("poisson_nll_loss"), s_ctc = new("ctc_loss", "Tensor");
            private static readonly Operator s_multiMargin = new("multi_margin_loss"), s_multiLabelMargin = new("multilabel_margin_loss");
            private static readonly Operator s_triplet = new("triplet_margin_loss");
            private static readonly Operator s_mean = new("mean"), s_sum = new("sum"), s_sumOver = new("sum", "dim_IntList"), s_meanOver = new("mean", "dim");
            private static readonly Operator s_mul = new("mul", "Tensor"), s_mulScalar = new("mul", "Scalar"), s_addTensor = new("add", "Tensor"), s_addScalar = new("add", "Scalar");
            private static readonly Operator s_clampMin = new("clamp_min"), s_minimum = new("minimum"), s_log = new("log"), s_square = new("square");
            private static readonly Operator s_cloneVariance = new("clone"), s_clampMinInPlace = new("clamp_min_");
            private static readonly Operator s_view = new("view"), s_rsub = new("rsub", "Scalar"), s_min = new("min");

            private static Tensor Reduce(Tensor loss, Reduction reduction) => reduction switch
            {
                Reduction.None => loss,
                Reduction.Mean => s_mean.Call(loss),
                Reduction.Sum => s_sum.Call(loss),
                _ => throw new ArgumentException($"The reduction {reduction} is none of None, Mean and Sum.", nameof(reduction)),
            };

            /// <summary>−ln softmax(input)[target]. The target holds class indices (N, …), or probabilities of the input's shape (N, C, …).</summary>
            public static Tensor cross_entropy(Tensor input, Tensor target, Tensor? weight = null, long ignore_index = -100, Reduction reduction = Reduction.Mean,
                double label_smoothing = 0.0) => s_crossEntropy.Call(input, target, weight, (long)reduction, ignore_index, label_smoothing);

            public static Tensor nll_loss(Tensor input, Tensor target, Tensor? weight = null, Reduction reduction = Reduction.Mean) =>
                s_nll.Call(input, target, weight, (long)reduction);

            public static Tensor binary_cross_entropy(Tensor input, Tensor target, Tensor? weight = null, Reduction reduction = Reduction.Mean) =>
                s_bce.Call(input, target, weight, (long)reduction);

            public static Tensor binary_cross_entropy_with_logits(Tensor input, Tensor target, Tensor? weight = null, Reduction reduction = Reduction.Mean,
                Tensor? pos_weights = null) => s_bceWithLogits.Call(input, target, weight, pos_weights, (long)reduction);

            public static Tensor mse_loss(Tensor input, Tensor target, Reduction reduction = Reduction.Mean) => s_mse.Call(input, target, (long)reduction);

            public static Tensor l1_loss(Tensor input, Tensor target, Reduction reduction = Reduction.Mean) => s_l1.Call(input, target, (long)reduction);

            public static Tensor smooth_l1_loss(Tensor input, Tensor target, Reduction reduction = Reduction.Mean, double beta = 1.0) =>
                s_smoothL1.Call(input, target, (long)reduction, beta);

            public static Tensor huber_loss(Tensor input, Tensor target, double delta = 1.0, Reduction reduction = Reduction.Mean) =>
                s_huber.Call(input, target, (long)reduction, delta);

            public static Tensor soft_margin_loss(Tensor input, Tensor target, Reduction reduction = Reduction.Mean) => s_softMargin.Call(input, target, (long)reduction);

            public static Tensor margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, double margin = 0.0, Reduction reduction = Reduction.Mean) =>
                s_marginRanking.Call(input1, input2, target, margin, (long)reduction);

            public static Tensor hinge_embedding_loss(Tensor input, Tensor target, double margin = 0.0, Reduction reduction = Reduction.Mean) =>
                s_hinge.Call(input, target, margin, (long)reduction);

            public static Tensor cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, double margin = 0.0, Reduction reduction = Reduction.Mean) =>
                s_cosineEmbedding.Call(input1, input2, target, margin, (long)reduction);

            /// <summary>target (ln target − input), where the input holds log-probabilities, and the target too if log_target is set.</summary>
            public static Tensor kl_div(Tensor input, Tensor target, bool log_target = true, Reduction reduction = Reduction.Mean) =>
                s_klDiv.Call(input, target, (long)reduction, log_target);

            public static Tensor poisson_nll_loss(Tensor input, Tensor target, bool log_input = true, bool full = false, float eps = 1e-8f,
                Reduction reduction = Reduction.Mean) => s_poissonNll.Call(input, target, log_input, full, (double)eps, (long)reduction);

            /// <summary>−ln of the probability of all paths of log_probs (T, N, C) that give the targets: (N, S) with what is behind each one's length left aside, or one after the other.</summary>
            /// <exception cref="ArgumentException">A label is none of the C classes.</exception>
            public static Tensor ctc_loss(Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor target_lengths, long blank = 0, bool zero_infinity = false,
                Reduction reduction = Reduction.Mean)
            {
                CheckLabels(log_probs, targets, target_lengths);
                return s_ctc.Call(log_probs, targets, input_lengths, target_lengths, blank, (long)reduction, zero_infinity);
            }

            // libtorch takes labels as places in memory without a look. What else may be wrong, it says.
            private static void CheckLabels(Tensor log_probs, Tensor targets, Tensor lengths)
            {
                if (log_probs.Dimensions == 0 || targets.Dimensions is not (1 or 2) || lengths.Dimensions > 1 || !targets.is_integral() || !lengths.is_integral()) return;
                using DisposeScope scope = NewDisposeScope();
                long classes = log_probs.size(-1), width = targets.size(-1);
                long[] labels = targets.@long().data<long>().ToArray();
                long[] read = targets.Dimensions == 1 ? [width] : lengths.@long().data<long>().ToArray();
                for (int row = 0; row < Math.Min(read.Length, targets.Dimensions == 1 ? 1 : targets.size(0)); row++)
                {
                    for (long i = 0; i < Math.Min(read[row], width); i++)
                    {
                        long label = labels[row * width + i];
                        if (label < 0 || label >= classes) throw new ArgumentException($"The label {label} of target {row} is none of the {classes} classes.", nameof(targets));
                    }
                }
            }

            public static Tensor multi_margin_loss(Tensor input, Tensor target, int p = 1, double margin = 1.0, Tensor? weight = null, Reduction reduction = Reduction.Mean) =>
                s_multiMargin.Call(input, target, p, margin, weight, (long)reduction);

            public static Tensor multi_label_margin_loss(Tensor input, Tensor target, Reduction reduction = Reduction.Mean) =>
                s_multiLabelMargin.Call(input, target, (long)reduction);

            /// <summary>−(y ln σ(x) + (1 − y) ln σ(−x)), averaged over the classes in the last axis.</summary>
            public static Tensor multilabel_soft_margin_loss(Tensor input, Tensor target, Tensor? weight = null, Reduction reduction = Reduction.Mean)
            {
                using DisposeScope scope = NewDisposeScope();
                Tensor yes = s_mul.Call(target, s_logSigmoid.Call(input));
                Tensor no = s_mul.Call(s_rsub.Call(target, 1), s_logSigmoid.Call(s_neg.Call(input)));
                Tensor loss = s_neg.Call(s_addTensor.Call(yes, no));
                if (weight is not null) loss = s_mul.Call(loss, weight);
                loss = s_meanOver.Call(loss, new long[] { -1 });
                return Reduce(loss, reduction).MoveToOuterDisposeScope();
            }

            /// <summary>½ (ln var + (x − y)² / var), summed over the features of an example. A variance below eps is raised to it; its gradient is that at eps.</summary>
            public static Tensor gaussian_nll_loss(Tensor input, Tensor target, Tensor variance, bool full = false, float eps = 1e-6f, Reduction reduction = Reduction.Mean)
            {
                if (!input.shape.AsSpan().SequenceEqual(target.shape)) throw new ArgumentException("input and target must have the same shape");
                using DisposeScope scope = NewDisposeScope();
                long count = input.size(0);
                input = s_view.Call(input, new[] { count, -1 });
                target = s_view.Call(target, new[] { count, -1 });
                variance = s_view.Call(variance, new[] { count, -1 });
                long features = input.size(1);
                if (variance.size(1) != features && variance.size(1) != 1) throw new ArgumentException("variance has the wrong shape");
                if (Kernels.Item(s_min.Call(variance)) < 0) throw new ArgumentException("variance has negative entry/entries");

                variance = s_cloneVariance.Call(variance);
                using (no_grad()) s_clampMinInPlace.CallInto(variance, variance, (double)eps);
                Tensor error = s_div.Call(s_square.Call(s_sub.Call(input, target)), variance);
                Tensor loss = s_mulScalar.Call(s_sumOver.Call(s_addTensor.Call(s_log.Call(variance), error), new long[] { 1 }), 0.5);
                if (full) loss = s_addScalar.Call(loss, 0.5 * features * Math.Log(2 * Math.PI));
                return Reduce(loss, reduction).MoveToOuterDisposeScope();
            }

            public static Tensor triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, double margin = 1.0, long p = 2, double eps = 1e-06, bool swap = false,
                Reduction reduction = Reduction.Mean) => s_triplet.Call(anchor, positive, negative, margin, (double)p, eps, swap, (long)reduction);

            /// <summary>The distance is the Euclidean one unless another is given.</summary>
            public static Tensor triplet_margin_with_distance_loss(Tensor anchor, Tensor positive, Tensor negative, Func<Tensor, Tensor, Tensor>? distance = null,
                double margin = 1.0, bool swap = false, Reduction reduction = Reduction.Mean)
            {
                distance ??= (a, b) => pairwise_distance(a, b);
                using DisposeScope scope = NewDisposeScope();
                Tensor near = distance(anchor, positive), far = distance(anchor, negative);
                if (swap) far = s_minimum.Call(far, distance(positive, negative));
                Tensor loss = s_clampMin.Call(s_addScalar.Call(s_sub.Call(near, far), margin), 0.0);
                return Reduce(loss, reduction).MoveToOuterDisposeScope();
            }
        }
    }
}
