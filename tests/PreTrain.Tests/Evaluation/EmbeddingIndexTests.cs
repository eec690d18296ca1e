using PreTrain.Evaluation;

namespace PreTrain.Tests.Evaluation;

public sealed class EmbeddingIndexTests
{
    [Fact]
    public void Search_RandomVectors_IsWhatSortingAllCosinesIn64BitsGives()
    {
        var random = new Random(5);
        float[][] vectors = [.. Enumerable.Range(0, 301).Select(_ => Vector(random, 23))], queries = [.. Enumerable.Range(0, 7).Select(_ => Vector(random, 23))];
        vectors[250] = [.. vectors[40].Select(x => 2 * x)];   // as near as another: the first one comes first
        queries[0] = vectors[40];
        var index = new EmbeddingIndex(vectors);
        Assert.Equal((301, 23), (index.Count, index.Dimension));
        IReadOnlyList<IReadOnlyList<SearchHit>> all = index.SearchAll(queries, 10);
        for (int q = 0; q < queries.Length; q++)
        {
            double[] cosines = [.. vectors.Select(vector => Cosine(vector, queries[q]))];
            Assert.Equal(Enumerable.Range(0, 301).OrderByDescending(i => Math.Round(cosines[i], 6)).ThenBy(i => i).Take(10), all[q].Select(hit => hit.Index));
            Assert.All(all[q], hit => Assert.Equal(cosines[hit.Index], hit.Score, 1e-6));
            Assert.Equal(all[q], index.Search(queries[q], 10));
        }
        Assert.Equal([40, 250], all[0].Take(2).Select(hit => hit.Index));
        Assert.Equal(301, index.Search(queries[1], 1000).Count);
    }

    [Fact]
    public void Add_OneByOne_IsTheSameIndex()
    {
        var random = new Random(6);
        float[][] vectors = [.. Enumerable.Range(0, 50).Select(_ => Vector(random, 7))];
        var index = new EmbeddingIndex(7);
        Assert.Empty(index.Search(vectors[0], 3));
        foreach (float[] vector in vectors) index.Add(vector);
        Assert.Equal(new EmbeddingIndex(vectors).Search(vectors[9], 5), index.Search(vectors[9], 5));
    }

    [Fact]
    public void AddOrSearch_WhatDoesNotFit_SaysWhat()
    {
        var index = new EmbeddingIndex(3);
        Assert.Contains("The vector has 2 numbers, and those of the index have 3.", Assert.Throws<ArgumentException>(() => index.Add([1, 2])).Message, StringComparison.Ordinal);
        Assert.Contains("The vector has the length 0", Assert.Throws<ArgumentException>(() => index.Add([0, 0, 0])).Message, StringComparison.Ordinal);
        Assert.Contains("The vector has the length NaN", Assert.Throws<ArgumentException>(() => index.Search([1, float.NaN, 0], 1)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => index.Search([1, 0, 0], 0));
        Assert.Throws<ArgumentException>(() => index.SearchAll([[1, 0]], 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new EmbeddingIndex(0));
        Assert.Throws<ArgumentException>(() => new EmbeddingIndex([]));
    }

    private static float[] Vector(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() * 2 - 1))];

    private static double Cosine(float[] a, float[] b) =>
        a.Zip(b, (x, y) => (double)x * y).Sum() / Math.Sqrt(a.Sum(x => (double)x * x) * b.Sum(x => (double)x * x));
}
