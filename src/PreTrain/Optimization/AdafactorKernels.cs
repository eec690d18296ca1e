// R rows, C columns of a matrix
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using PreTrain.Torch.Cpu;
using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>
/// Adafactor's step in passes over the memory of all parameters: one for the second moments, one for the sizes of updates and weights, one that writes. Each is one loop over parts of all parameters, since starting threads
/// for each parameter takes longer than the passes. Sums are the same on any number of threads.
/// </summary>
internal static unsafe class AdafactorKernels
{
    private const int Lanes = 16;
    private const long Grain = 1 << 18;

    /// <summary>What a step needs beside the parameter: the share of the old second moment that stays, the rate before it is scaled by the weights' size, the decay λ.</summary>
    internal readonly record struct Step(double Old, double Rate, double WeightDecay, GradientShape Shape, AdafactorOptions Options);

    /// <summary>Updates parameters.</summary>
    /// <param name="parameters">The memory of all.</param>
    /// <param name="rooms">What each parameter and its state are.</param>
    /// <param name="steps">The step of each.</param>
    internal static void Update(FlatParameters parameters, IReadOnlyList<Room> rooms, IReadOnlyList<Step> steps)
    {
        Tensor gradient = parameters.StepGradient, master = parameters.Master, compute = parameters.Compute;
        byte* g = TensorMemory.Address(gradient);
        float* w = (float*)TensorMemory.Address(master);
        ushort* copy = compute.dtype == ScalarType.BFloat16 ? (ushort*)TensorMemory.Address(compute) : null;
        Place[] places = [.. rooms.Select(room => new Place(g + room.Range.Start * gradient.element_size(), w + room.Range.Start, copy == null ? null : copy + room.Range.Start, room))];
        if (gradient.dtype == ScalarType.BFloat16) Update<BFloat16Element>(places, steps);
        else Update<Float32Element>(places, steps);
        GC.KeepAlive((parameters, rooms));
    }

    private static void Update<G>(Place[] places, IReadOnlyList<Step> steps) where G : struct, IElement
    {
        (int Place, int Chunk)[] parts = [.. places.SelectMany((place, p) => place.Chunks.Select((_, c) => (p, c)))];
        ParallelLoop.For(parts.Length, i =>
        {
            var (p, c) = parts[i];
            if (places[p].Square == null) Sum<G>(places[p], places[p].Sums[c], places[p].Chunks[c], steps[p]);
        });
        ParallelLoop.For(places.Length, p =>
        {
            if (places[p].Square == null && places[p].Count > 0) Factor(places[p], steps[p]);
        });
        double[] updates = new double[parts.Length], weights = new double[parts.Length];
        ParallelLoop.For(parts.Length, i =>
        {
            var (p, c) = parts[i];
            (updates[i], weights[i]) = Sizes<G>(places[p], places[p].Factors, places[p].Chunks[c], steps[p]);
        });
        float[] scales = new float[places.Length], keeps = new float[places.Length];
        for (int p = 0, i = 0; p < places.Length; p++)
        {
            double update = 0, weight = 0;
            for (int c = 0; c < places[p].Chunks.Length; c++, i++) (update, weight) = (update + updates[i], weight + weights[i]);
            double rate = steps[p].Rate * (steps[p].Options.ScaleParameter ? Math.Max(Math.Sqrt(weight / places[p].Count), steps[p].Options.ScaleEpsilon) : 1);
            scales[p] = (float)(rate / Math.Max(1, Math.Sqrt(update / places[p].Count) / steps[p].Options.ClipThreshold));
            keeps[p] = (float)(1 - rate * steps[p].WeightDecay);
        }
        ParallelLoop.For(parts.Length, i =>
        {
            var (p, c) = parts[i];
            Write<G>(places[p], places[p].Factors, places[p].Chunks[c], steps[p], scales[p], keeps[p]);
        });
    }

    /// <summary>Takes the sums of squares into the columns' means, and computes what a row's and a column's gradients are multiplied with.</summary>
    private static void Factor(Place place, Step step)
    {
        long matrices = place.Count / (place.Rows * place.Columns);
        float* rows = place.Factors.Rows, columns = place.Factors.Columns;
        float old = (float)step.Old, fresh = (float)(1 - step.Old);
        double[] total = new double[place.Columns];
        for (long matrix = 0, next = 0; matrix < matrices; matrix++)
        {
            Array.Clear(total);
            // By chunk, since each has some of a column's elements.
            for (; next < place.Chunks.Length && place.Chunks[next].Matrix == matrix; next++)
                for (int j = 0; j < total.Length; j++) total[j] += place.Sums[next][j];
            float* means = place.ColumnMeans + matrix * place.Columns, rowMeans = place.RowMeans + matrix * place.Rows;
            double mean = 0;
            for (long i = 0; i < place.Rows; i++) mean += rowMeans[i];
            mean /= place.Rows;
            for (long i = 0; i < place.Rows; i++) rows[matrix * place.Rows + i] = (float)Math.Sqrt(mean / rowMeans[i]);
            for (long j = 0; j < place.Columns; j++)
            {
                means[j] = old * means[j] + fresh * (float)(total[j] / place.Rows);
                columns[matrix * place.Columns + j] = 1 / MathF.Sqrt(means[j]);
            }
        }
    }

    /// <summary>Takes the squares of some rows into these rows' means, and sums them up by column.</summary>
    [MethodImpl(ParallelLoop.Hot)]
    private static void Sum<G>(Place place, float[] sums, Chunk chunk, Step step) where G : struct, IElement
    {
        Vector512<float> epsilon = Vector512.Create((float)step.Options.SquareEpsilon), scale = Vector512.Create((float)step.Shape.Scale);
        float old = (float)step.Old, fresh = (float)(1 - step.Old) / place.Columns;
        bool plain = step.Shape.IsPlain;
        Array.Clear(sums);
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

    /// <summary>A parameter, its state, and the memory that a step needs for it: factors and sums, from one step to the next.</summary>
    internal sealed class Room
    {
        /// <summary>Takes the memory.</summary>
        /// <param name="range">The parameter.</param>
        /// <param name="rows">The means of its rows' squares, of a matrix.</param>
        /// <param name="columns">Likewise of its columns.</param>
        /// <param name="square">Of what is no matrix, the second moment.</param>
        /// <param name="first">The momentum; null where there is none.</param>
        internal Room(ParameterRange range, Tensor? rows, Tensor? columns, Tensor? square, Tensor? first)
        {
            (Range, RowMeans, ColumnMeans, Square, First) = (range, rows, columns, square, first);
            (Rows, Columns) = range.IsMatrix ? (range.Shape[^2], range.Shape[^1]) : (1, range.Count);
            if (range.Count == 0) return;
            Chunks = Chunk.Of(range.Count, Rows, Columns);
            if (square is not null) return;
            RowFactors = GC.AllocateUninitializedArray<float>((int)(range.Count / Columns), pinned: true);
            ColumnFactors = GC.AllocateUninitializedArray<float>((int)(range.Count / Rows), pinned: true);
            Sums = [.. Chunks.Select(_ => new float[Columns])];
        }

        internal ParameterRange Range { get; }

        internal Tensor? RowMeans { get; }

        internal Tensor? ColumnMeans { get; }

        internal Tensor? Square { get; }

        internal Tensor? First { get; }

        internal long Rows { get; }

        internal long Columns { get; }

        internal Chunk[] Chunks { get; } = [];

        internal float[] RowFactors { get; } = [];

        internal float[] ColumnFactors { get; } = [];

        internal float[][] Sums { get; } = [];
    }

    /// <summary>Where a parameter and its state lie, and the sides of its last two dimensions; a vector is one row.</summary>
    private sealed class Place(byte* gradient, float* weights, ushort* copy, Room room)
    {
        internal readonly byte* Gradient = gradient;
        internal readonly float* Weights = weights, First = Address(room.First), RowMeans = Address(room.RowMeans), ColumnMeans = Address(room.ColumnMeans), Square = Address(room.Square);
        internal readonly ushort* Copy = copy;
        internal readonly long Count = room.Range.Count, Rows = room.Rows, Columns = room.Columns;
        internal readonly Chunk[] Chunks = room.Chunks;
        internal readonly float[][] Sums = room.Sums;
        internal readonly Factored Factors = new(Pinned(room.RowFactors), Pinned(room.ColumnFactors), Address(room.Square));

        private static float* Address(Tensor? t) => t is null ? null : (float*)TensorMemory.Address(t);

        private static float* Pinned(float[] values) => values.Length == 0 ? null : (float*)Unsafe.AsPointer(ref values[0]);
    }

    /// <summary>What gives an update from a gradient: a factor for each row and one for each column, or the second moment.</summary>
    private readonly struct Factored(float* rows, float* columns, float* square)
    {
        internal readonly float* Rows = rows, Columns = columns, Square = square;
    }

    /// <summary>Some rows of one matrix, counted over all matrices of a parameter.</summary>
    internal readonly record struct Chunk(long Matrix, long From, long To)
    {
        internal static Chunk[] Of(long count, long rows, long columns)
        {
            long matrices = count / (rows * columns);
            int chunks = ParallelLoop.Chunks(rows, Math.Max(1, Grain / columns));
            var all = new Chunk[matrices * chunks];
            for (int i = 0; i < all.Length; i++)
            {
                var (from, to) = ParallelLoop.Range(rows, chunks, i % chunks);
                long first = i / chunks * rows;
                all[i] = new Chunk(i / chunks, first + from, first + to);
            }
            return all;
        }
    }
}
