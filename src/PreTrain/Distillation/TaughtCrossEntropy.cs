// M positions, V vocabulary
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Distillation;

/// <summary>
/// The loss that one teacher gives, T²·KL(teacher‖student), and that of the hard targets beside it, in one pass over the scores of both: where a gradient is wanted it is written over the student's scores,
/// which nobody reads again. It is what <see cref="DistillationLosses.Soft"/> and the cross entropy come to together.
/// </summary>
internal static class TaughtCrossEntropy
{
    /// <summary>Whether there is a kernel for such scores and targets.</summary>
    internal static bool Fits(Tensor student, Tensor teacher, Tensor targets) =>
        TensorMemory.HasKernelsFor(student) && TensorMemory.HasKernelsFor(teacher) && student.is_contiguous() && teacher.is_contiguous() && targets.is_contiguous()
        && student.ndim == 2 && student.shape.SequenceEqual(teacher.shape) && targets.size(0) == student.size(0) && !student.is_leaf;

    /// <summary>The sum over the positions.</summary>
    /// <param name="student">Scores, (M, V), a result of other operations; they are overwritten.</param>
    /// <param name="teacher">The teacher's scores, (M, V).</param>
    /// <param name="targets">The right classes, (M) of 64-bit integers from 0 to V − 1.</param>
    /// <param name="temperature">T.</param>
    /// <param name="soft">What the teacher's part counts.</param>
    /// <param name="hard">What the cross entropy counts.</param>
    /// <returns>A 32-bit scalar.</returns>
    /// <exception cref="ArgumentException">A target is not a class.</exception>
    internal static Tensor Apply(Tensor student, Tensor teacher, Tensor targets, double temperature, double soft, double hard) => Kernel.apply(student, teacher, targets, temperature, soft, hard);

    private sealed unsafe class Kernel : autograd.SingleTensorFunction<Kernel>
    {
        public override string Name => nameof(TaughtCrossEntropy);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var (student, teacher, targets, temperature, soft, hard) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2], (double)vars[3], (double)vars[4], (double)vars[5]);
            double loss = (student.dtype == ScalarType.BFloat16, teacher.dtype == ScalarType.BFloat16) switch
            {
                (true, true) => Loss<BFloat16Element, BFloat16Element>(student, teacher, targets, temperature, soft, hard),
                (true, false) => Loss<BFloat16Element, Float32Element>(student, teacher, targets, temperature, soft, hard),
                (false, true) => Loss<Float32Element, BFloat16Element>(student, teacher, targets, temperature, soft, hard),
                _ => Loss<Float32Element, Float32Element>(student, teacher, targets, temperature, soft, hard),
            };
            ctx.save_for_backward([student]);
            return tensor((float)loss);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            Tensor gradient = ctx.get_saved_variables()[0].detach();
            float factor = grad_output.item<float>();
            return [factor == 1 ? gradient : gradient.mul(factor), null!, null!, null!, null!, null!];
        }

        private static double Loss<S, T>(Tensor student, Tensor teacher, Tensor targets, double temperature, double soft, double hard) where S : struct, IElement where T : struct, IElement
        {
            long rows = student.size(0), columns = student.size(1);
            byte* own = TensorMemory.Address(student), taught = TensorMemory.Address(teacher);
            var target = (long*)TensorMemory.Address(targets);
            int chunks = ParallelLoop.Chunks(rows, 16);
            var losses = new double[chunks];
            long wrong = -1;
            ParallelLoop.For(chunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
            {
                var (first, last) = ParallelLoop.Range(rows, chunks, chunk);
                double loss = 0;
                for (long r = first; r < last; r++)
                {
                    if ((ulong)target[r] < (ulong)columns) loss += Row<S, T>(own + r * columns * S.Size, taught + r * columns * T.Size, columns, target[r], (float)(1 / temperature), soft * temperature * temperature, hard);
                    else Interlocked.CompareExchange(ref wrong, r, -1);
                }
                losses[chunk] = loss;
            });
            if (wrong >= 0) throw new ArgumentException($"The target at position {wrong} is {target[wrong]}; it must be a class from 0 to {columns - 1}.", nameof(targets));
            return losses.Sum();
        }

        /// <summary>With s and t the scores less their largest, p = softmax(t/T), q = softmax(s/T): KL = Σ p·(t − s)/T − log Σ exp(t/T) + log Σ exp(s/T), and its gradient by s is (q − p)/T.</summary>
        [MethodImpl(ParallelLoop.Hot)]
        private static double Row<S, T>(byte* own, byte* taught, long columns, long target, float inverse, double soft, double hard) where S : struct, IElement where T : struct, IElement
        {
            long whole = columns & ~15L;
            float top = Largest<S>(own, columns), taughtTop = Largest<T>(taught, columns);
            Vector512<float> shift = Vector512.Create(top), taughtShift = Vector512.Create(taughtTop), scale = Vector512.Create(inverse);
            Vector512<float> plainSums = default, sums = default, taughtSums = default, products = default;
            for (long j = 0; j < whole; j += 16)
            {
                Vector512<float> s = Seen(S.Load(own + j * S.Size) - shift), t = Seen(T.Load(taught + j * T.Size) - taughtShift), p = VectorMath.Exp(t * scale);
                plainSums += VectorMath.Exp(s);
                sums += VectorMath.Exp(s * scale);
                taughtSums += p;
                products += p * (t - s);
            }
            float plainSum = Vector512.Sum(plainSums), sum = Vector512.Sum(sums), taughtSum = Vector512.Sum(taughtSums);
            double product = Vector512.Sum(products);
            for (long j = whole; j < columns; j++)
            {
                float s = Seen(S.LoadOne(own + j * S.Size) - top), t = Seen(T.LoadOne(taught + j * T.Size) - taughtTop), p = MathF.Exp(t * inverse);
                plainSum += MathF.Exp(s);
                sum += MathF.Exp(s * inverse);
                taughtSum += p;
                product += p * (t - s);
            }
            float right = Seen(S.LoadOne(own + target * S.Size) - top);
            double loss = soft * (product / taughtSum * inverse - Math.Log(taughtSum) + Math.Log(sum)) + hard * (Math.Log(plainSum) - right);

            // Over the scores, each of which is read once more.
            float softOwn = (float)(soft * inverse / sum), softTaught = (float)(soft * inverse / taughtSum), hardOwn = (float)(hard / plainSum);
            double exact = soft * inverse * (Math.Exp(right * inverse) / sum - Math.Exp(Seen(T.LoadOne(taught + target * T.Size) - taughtTop) * inverse) / taughtSum) + hard * (Math.Exp(right) / plainSum - 1);
            for (long j = 0; j < whole; j += 16)
            {
                Vector512<float> s = Seen(S.Load(own + j * S.Size) - shift), t = Seen(T.Load(taught + j * T.Size) - taughtShift);
                S.Store(own + j * S.Size, VectorMath.Exp(s * scale) * softOwn - VectorMath.Exp(t * scale) * softTaught + VectorMath.Exp(s) * hardOwn);
            }
            for (long j = whole; j < columns; j++)
            {
                float s = Seen(S.LoadOne(own + j * S.Size) - top), t = Seen(T.LoadOne(taught + j * T.Size) - taughtTop);
                S.StoreOne(own + j * S.Size, MathF.Exp(s * inverse) * softOwn - MathF.Exp(t * inverse) * softTaught + MathF.Exp(s) * hardOwn);
            }
            S.StoreOne(own + target * S.Size, (float)exact);
            return loss;
        }

        [MethodImpl(ParallelLoop.Hot)]
        private static float Largest<E>(byte* row, long columns) where E : struct, IElement
        {
            long whole = columns & ~15L;
            Vector512<float> top = Vector512.Create(float.NegativeInfinity);
            for (long j = 0; j < whole; j += 16) top = Vector512.MaxNative(top, E.Load(row + j * E.Size));
            float max = VectorMath.Max(top);
            for (long j = whole; j < columns; j++) max = MathF.Max(max, E.LoadOne(row + j * E.Size));
            return max;
        }

        // What a score excludes, −∞, has no part in a sum: 0·∞ would be no number.
        private const float Least = -1e30f;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector512<float> Seen(Vector512<float> x) => Vector512.ConditionalSelect(Vector512.Equals(x, Vector512.Create(float.NegativeInfinity)), Vector512.Create(Least), x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static float Seen(float x) => float.IsNegativeInfinity(x) ? Least : x;
    }
}
