// R rows, C columns of a matrix
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using PreTrain.Torch.Cpu;
using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>
/// Adafactor's step for one parameter in passes over its memory: one for the second moment, one for the sizes of update and weights, one that writes. Sums are the same on any number of threads.
/// </summary>
internal static unsafe class AdafactorKernels
{
    private const int Lanes = 16;
    private const long Grain = 1 << 14;

    /// <summary>What a step needs beside the parameter: the share of the old second moment that stays, the rate before it is scaled by the weights' size, the decay λ.</summary>
    internal readonly record struct Step(double Old, double Rate, double WeightDecay, GradientShape Shape, AdafactorOptions Options);

    /// <summary>Updates one parameter; <paramref name="rows"/> and <paramref name="columns"/> are its factors, or <paramref name="square"/> its whole second moment, <paramref name="first"/> its momentum if it has one.</summary>
    internal static void Update(FlatParameters parameters, ParameterRange range, Tensor? rows, Tensor? columns, Tensor? square, Tensor? first, Step step)
    {
        Tensor gradient = parameters.StepGradient, master = parameters.Master, compute = parameters.Compute;
        byte* g = TensorMemory.Address(gradient) + range.Start * gradient.element_size();
        float* w = (float*)TensorMemory.Address(master) + range.Start;
        ushort* copy = compute.dtype == ScalarType.BFloat16 ? (ushort*)TensorMemory.Address(compute) + range.Start : null;
        var place = new Place(g, w, copy, Address(first), Address(rows), Address(columns), Address(square), range.Count, range.IsMatrix ? range.Shape[^2] : 1, range.IsMatrix ? range.Shape[^1] : range.Count);
        if (range.Count == 0) return;
        if (gradient.dtype == ScalarType.BFloat16) Update<BFloat16Element>(place, step);
        else Update<Float32Element>(place, step);
        GC.KeepAlive((parameters, rows, columns, square, first));

        static float* Address(Tensor? t) => t is null ? null : (float*)TensorMemory.Address(t);
    }

    private static void Update<G>(Place place, Step step) where G : struct, IElement
    {
        float[] rowFactors = [], columnFactors = [];
        if (place.Square == null) (rowFactors, columnFactors) = Factors<G>(place, step);
        fixed (float* factorsOfRows = rowFactors, factorsOfColumns = columnFactors)
        {
            var factors = new Factored(factorsOfRows, factorsOfColumns, place.Square);
            Chunk[] chunks = Chunk.Of(place);
            double[] updates = new double[chunks.Length], weights = new double[chunks.Length];
            ParallelLoop.For(chunks.Length, i => (updates[i], weights[i]) = Sizes<G>(place, factors, chunks[i], step));
            double update = Math.Sqrt(updates.Sum() / place.Count), weight = Math.Sqrt(weights.Sum() / place.Count);
            double rate = step.Rate * (step.Options.ScaleParameter ? Math.Max(weight, step.Options.ScaleEpsilon) : 1);
            float scale = (float)(rate / Math.Max(1, update / step.Options.ClipThreshold)), keep = (float)(1 - rate * step.WeightDecay);
            ParallelLoop.For(chunks.Length, i => Write<G>(place, factors, chunks[i], step, scale, keep));
        }
    }

    /// <summary>Takes the squares into the factors; returns what a row's and a column's gradients are multiplied with.</summary>
    private static (float[] Rows, float[] Columns) Factors<G>(Place place, Step step) where G : struct, IElement
    {
        long matrices = place.Count / (place.Rows * place.Columns);
        float[] rows = new float[matrices * place.Rows], columns = new float[matrices * place.Columns];
        float old = (float)step.Old, fresh = (float)(1 - step.Old);
        Chunk[] chunks = Chunk.Of(place);
        // By chunk, since each has some of a column's elements.
        float[][] sums = [.. chunks.Select(_ => new float[place.Columns])];
        ParallelLoop.For(chunks.Length, i => Sum<G>(place, sums[i], chunks[i], step));
        for (long matrix = 0, next = 0; matrix < matrices; matrix++)
        {
            double[] total = new double[place.Columns];
            for (; next < chunks.Length && chunks[next].Matrix == matrix; next++)
                for (int j = 0; j < total.Length; j++) total[j] += sums[next][j];
            float* means = place.ColumnMeans + matrix * place.Columns, rowMeans = place.RowMeans + matrix * place.Rows;
            double mean = 0;
            for (long i = 0; i < place.Rows; i++) mean += rowMeans[i] / place.Rows;
            for (long i = 0; i < place.Rows; i++) rows[matrix * place.Rows + i] = (float)Math.Sqrt(mean / rowMeans[i]);
            for (long j = 0; j < place.Columns; j++)
            {
                means[j] = old * means[j] + fresh * (float)(total[j] / place.Rows);
                columns[matrix * place.Columns + j] = 1 / MathF.Sqrt(means[j]);
            }
        }
        return (rows, columns);
    }

    /// <summary>Takes the squares of some rows into these rows' means, and adds them to the sums of the columns.</summary>
    [MethodImpl(ParallelLoop.Hot)]
    private static void Sum<G>(Place place, float[] sums, Chunk chunk, Step step) where G : struct, IElement
    {
        Vector512<float> epsilon = Vector512.Create((float)step.Options.SquareEpsilon), scale = Vector512.Create((float)step.Shape.Scale);
        float old = (float)step.Old, fresh = (float)(1 - step.Old) / place.Columns;
        bool plain = step.Shape.IsPlain;
        fixed (float* columns = sums)
        {
            for (long row = chunk.From; row < chunk.To; row++)
            {
                long begin = row * place.Columns, j = 0;
                float* weights = place.Weights + begin;
                byte* gradients = place.Gradient + begin * G.Size;
                Vector512<float> sum = default;
                for (; j <= place.Columns - Lanes; j += Lanes)
                {
                    Vector512<float> g = G.Load(gradients + j * G.Size) * scale;
                    if (!plain) g = FlatKernels.Shaped(g, Vector512.Load(weights + j), step.Shape);
                    Vector512<float> square = Vector512.FusedMultiplyAdd(g, g, epsilon);
                    sum += square;
                    (Vector512.Load(columns + j) + square).Store(columns + j);
                }
                float total = Vector512.Sum(sum);
                for (; j < place.Columns; j++)
                {
                    float g = Gradient<G>(place, begin + j, step), square = MathF.FusedMultiplyAdd(g, g, epsilon[0]);
                    total += square;
                    columns[j] += square;
                }
                place.RowMeans[row] = old * place.RowMeans[row] + fresh * total;
            }
        }
    }

    /// <summary>The sums of the squares of updates and of weights; a whole second moment is renewed on the way.</summary>
    [MethodImpl(ParallelLoop.Hot)]
    private static (double Update, double Weight) Sizes<G>(Place place, Factored factored, Chunk chunk, Step step) where G : struct, IElement
    {
        double updates = 0, weights = 0;
        Vector512<float> scale = Vector512.Create((float)step.Shape.Scale), epsilon = Vector512.Create((float)step.Options.SquareEpsilon);
        Vector512<float> old = Vector512.Create((float)step.Old), fresh = Vector512.Create((float)(1 - step.Old));
        bool plain = step.Shape.IsPlain;
        for (long row = chunk.From; row < chunk.To; row++)
        {
            long begin = row * place.Columns, end = begin + place.Columns, i = begin;
            float* square = factored.Square, columns = factored.Columns + chunk.Matrix * place.Columns - row * place.Columns;
            Vector512<float> factor = Vector512.Create(square == null ? factored.Rows[row] : 1), update = default, weight = default;
            for (; i <= end - Lanes; i += Lanes)
            {
                Vector512<float> w = Vector512.Load(place.Weights + i), g = G.Load(place.Gradient + i * G.Size) * scale, u;
                if (!plain) g = FlatKernels.Shaped(g, w, step.Shape);
                if (square == null)
                {
                    u = g * Vector512.Load(columns + i);
                }
                else
                {
                    Vector512<float> moment = Vector512.Load(square + i) * old + Vector512.FusedMultiplyAdd(g, g, epsilon) * fresh;
                    moment.Store(square + i);
                    u = g / Vector512.Sqrt(moment);
                }
                u *= factor;
                update = Vector512.FusedMultiplyAdd(u, u, update);
                weight = Vector512.FusedMultiplyAdd(w, w, weight);
            }
            updates += Vector512.Sum(update);
            weights += Vector512.Sum(weight);
            for (; i < end; i++)
            {
                float g = Gradient<G>(place, i, step), w = place.Weights[i];
                if (square != null) square[i] = square[i] * old[0] + (g * g + epsilon[0]) * fresh[0];
                float u = g * factor[0] * (square == null ? columns[i] : 1 / MathF.Sqrt(square[i]));
                updates += u * u;
                weights += w * w;
            }
        }
        return (updates, weights);
    }

    /// <summary>Writes momentum, weights and their copy, and sets the gradient to zero.</summary>
    [MethodImpl(ParallelLoop.Hot)]
    private static void Write<G>(Place place, Factored factored, Chunk chunk, Step step, float rate, float keep) where G : struct, IElement
    {
        Vector512<float> scale = Vector512.Create((float)step.Shape.Scale), kept = Vector512.Create(keep), fresh = Vector512.Create((float)(1 - step.Options.Beta1)), old = Vector512.Create((float)step.Options.Beta1);
        bool plain = step.Shape.IsPlain;
        for (long row = chunk.From; row < chunk.To; row++)
        {
            long begin = row * place.Columns, end = begin + place.Columns, i = begin;
            float* square = factored.Square, columns = factored.Columns + chunk.Matrix * place.Columns - row * place.Columns;
            float one = rate * (square == null ? factored.Rows[row] : 1);
            Vector512<float> factor = Vector512.Create(one);
            for (; i <= end - Lanes; i += Lanes)
            {
                Vector512<float> w = Vector512.Load(place.Weights + i), g = G.Load(place.Gradient + i * G.Size) * scale;
                if (!plain) g = FlatKernels.Shaped(g, w, step.Shape);
                Vector512<float> u = (square == null ? g * Vector512.Load(columns + i) : g / Vector512.Sqrt(Vector512.Load(square + i))) * factor;
                if (place.First != null)
                {
                    u = Vector512.FusedMultiplyAdd(Vector512.Load(place.First + i), old, u * fresh);
                    u.Store(place.First + i);
                }
                w = Vector512.FusedMultiplyAdd(w, kept, -u);
                w.Store(place.Weights + i);
                if (place.Copy != null) BFloat16Element.Store((byte*)(place.Copy + i), w);
                G.Store(place.Gradient + i * G.Size, Vector512<float>.Zero);
            }
            for (; i < end; i++)
            {
                float u = Gradient<G>(place, i, step) * one * (square == null ? columns[i] : 1 / MathF.Sqrt(square[i]));
                if (place.First != null) u = place.First[i] = place.First[i] * old[0] + u * fresh[0];
                float w = place.Weights[i] = place.Weights[i] * keep - u;
                if (place.Copy != null) BFloat16Element.StoreOne((byte*)(place.Copy + i), w);
                G.StoreOne(place.Gradient + i * G.Size, 0);
            }
        }
    }

    private static float Gradient<G>(Place place, long i, Step step) where G : struct, IElement
    {
        float g = G.LoadOne(place.Gradient + i * G.Size) * (float)step.Shape.Scale;
        return step.Shape.IsPlain ? g : FlatKernels.Shaped(Vector512.CreateScalar(g), Vector512.CreateScalar(place.Weights[i]), step.Shape)[0];
    }

    /// <summary>Where a parameter and its state lie, and the sides of its last two dimensions; a vector is one row.</summary>
    private sealed class Place(byte* gradient, float* weights, ushort* copy, float* first, float* rowMeans, float* columnMeans, float* square, long count, long rows, long columns)
    {
        internal readonly byte* Gradient = gradient;
        internal readonly float* Weights = weights, First = first, RowMeans = rowMeans, ColumnMeans = columnMeans, Square = square;
        internal readonly ushort* Copy = copy;
        internal readonly long Count = count, Rows = rows, Columns = columns;
    }

    /// <summary>What gives an update from a gradient: a factor for each row and one for each column, or the second moment.</summary>
    private readonly struct Factored(float* rows, float* columns, float* square)
    {
        internal readonly float* Rows = rows, Columns = columns, Square = square;
    }

    /// <summary>Some rows of one matrix, counted over all matrices of a parameter.</summary>
    private readonly record struct Chunk(long Matrix, long From, long To)
    {
        internal static Chunk[] Of(Place place)
        {
            long matrices = place.Count / (place.Rows * place.Columns);
            int chunks = ParallelLoop.Chunks(place.Rows, Math.Max(1, Grain / place.Columns));
            var all = new Chunk[matrices * chunks];
            for (int i = 0; i < all.Length; i++)
            {
                var (from, to) = ParallelLoop.Range(place.Rows, chunks, i % chunks);
                long first = i / chunks * place.Rows;
                all[i] = new Chunk(i / chunks, first + from, first + to);
            }
            return all;
        }
    }
}
