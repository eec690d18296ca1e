using TorchSharp;
using static TorchSharp.torch;

namespace TorchSharp.Tests.Tensors;

public sealed class MatrixTests
{
    private static Tensor Random(params long[] shape)
    {
        using Generator generator = new(17);
        return rand(shape, ScalarType.Float64, generator: generator) * 2 - 1;
    }

    private static double[] Product(Tensor a, Tensor b)
    {
        long rows = a.shape[0], inner = a.shape[1], columns = b.shape[1];
        double[] x = a.data<double>().ToArray(), y = b.data<double>().ToArray(), z = new double[rows * columns];
        for (long i = 0; i < rows; i++)
            for (long j = 0; j < columns; j++)
                for (long k = 0; k < inner; k++)
                    z[i * columns + j] += x[i * inner + k] * y[k * columns + j];
        return z;
    }

    [Fact]
    public void Products_TwoMatrices_EqualALoop()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = Random(3, 5), b = Random(5, 7), expected = tensor(Product(a, b), [3, 7]), c = Random(3, 7);

        Assert.True(a.matmul(b).allclose(expected, 0, 1e-14));
        Assert.True(a.mm(b).allclose(expected, 0, 1e-14));
        Package.Skip("tensordot over a number of axes takes the wrong ones");
        Assert.True(a.tensordot(b, 1).allclose(expected, 0, 1e-14));
        Assert.True(a.tensordot(b, [(1, 0)]).allclose(expected, 0, 1e-14));
        Assert.True(einsum("ij,jk->ik", a, b).allclose(expected, 0, 1e-14));
        Assert.True(linalg.multi_dot([a, b]).allclose(expected, 0, 1e-14));
        Assert.True(c.addmm(a, b, 0.5f, 2).allclose(c * 0.5 + expected * 2, 0, 1e-14));
        Assert.True(a.unsqueeze(0).bmm(b.unsqueeze(0)).squeeze(0).allclose(expected, 0, 1e-14));
        Assert.True(c.unsqueeze(0).baddbmm(a.unsqueeze(0), b.unsqueeze(0)).squeeze(0).allclose(c + expected, 0, 1e-14));
        Assert.True(a.mv(b.select(1, 2).contiguous()).allclose(expected.select(1, 2), 0, 1e-14));
        Assert.True(a.inner(b.t()).allclose(expected, 0, 1e-14));
    }

    [Fact]
    public void Products_Vectors_EqualALoop()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = tensor(new[] { 1.0, 2.0, 3.0 }), b = tensor(new[] { 5.0, 7.0, 11.0 });

        Assert.Equal(52.0, a.dot(b).item<double>());
        Assert.Equal([5.0, 7.0, 11.0, 10.0, 14.0, 22.0, 15.0, 21.0, 33.0], a.outer(b).data<double>().ToArray());
        Assert.Equal([1.0, 4.0, -3.0], linalg.cross(a, b).data<double>().ToArray());
        Assert.Equal(Math.Sqrt(16 + 25 + 64), cdist(a.view(1, 3), b.view(1, 3)).item<double>(), 12);
        Assert.Equal(52.0, linalg.vecdot(a, b).item<double>());
        Assert.Throws<ArgumentException>(() => cdist(a.view(1, 3), b.view(1, 3), -1));
    }

    [Fact]
    public void Decompositions_SymmetricMatrix_MultiplyBackToIt()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor m = Random(5, 5), a = m.matmul(m.t()) + eye(5, dtype: ScalarType.Float64);

        Tensor l = linalg.cholesky(a);
        (Tensor values, Tensor vectors) = linalg.eigh(a);
        (Tensor q, Tensor r) = linalg.qr(m);
        (Tensor u, Tensor s, Tensor vh) = linalg.svd(m);
        (Tensor p, Tensor lower, Tensor upper) = linalg.lu(m);

        Assert.True(l.matmul(l.t()).allclose(a));
        Assert.True(linalg.cholesky_ex(a).L.allclose(l));
        Assert.True(linalg.cholesky(a).mH.allclose(l.t()));
        Assert.True(vectors.matmul(values.diag()).matmul(vectors.t()).allclose(a));
        Assert.True(linalg.eigvalsh(a).allclose(values));
        Assert.True(q.matmul(r).allclose(m));
        Assert.True(u.matmul(s.diag()).matmul(vh).allclose(m));
        Assert.True(linalg.svdvals(m).allclose(s));
        Assert.True(p.matmul(lower).matmul(upper).allclose(m));
        Assert.Equal([7, 5], linalg.qr(Random(7, 5)).Q.shape);
        Assert.Equal([7, 7], linalg.qr(Random(7, 5), linalg.QRMode.Complete).Q.shape);
    }

    [Fact]
    public void Systems_RegularMatrix_AreSolved()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = Random(5, 5) + eye(5, dtype: ScalarType.Float64) * 3, b = Random(5, 2), one = eye(5, dtype: ScalarType.Float64);

        Assert.True(a.matmul(linalg.solve(a, b)).allclose(b));
        Assert.True(a.matmul(linalg.solve_ex(a, b).result).allclose(b));
        Assert.True(linalg.inv(a).matmul(a).allclose(one));
        Package.Skip("inv_ex gives no inverse");
        Assert.True(linalg.inv_ex(a).L.matmul(a).allclose(one));
        Assert.True(a.inverse().matmul(a).allclose(one));
        Assert.True(linalg.pinv(a).matmul(a).allclose(one));
        Assert.True(a.pinverse().matmul(a).allclose(one));
        Assert.True(a.matmul(linalg.lstsq(a, b).Solution).allclose(b));
        Assert.True(a.triu().matmul(linalg.solve_triangular(a.triu(), b, upper: true)).allclose(b));
        Assert.True(a.det().allclose(linalg.slogdet(a).Item1 * linalg.slogdet(a).Item2.exp()));
        Assert.True(linalg.det(a).allclose(a.det()));
        Assert.True(a.matrix_power(3).allclose(a.matmul(a).matmul(a)));
        Assert.True((a * 0).matrix_exp().allclose(one));
        (Tensor factors, Tensor? pivots, Tensor? infos) = lu(a);
        Assert.True(a.matmul(linalg.lu_solve(factors, pivots!, b)).allclose(b));
        Assert.Null(infos);
        Assert.Equal(5, linalg.matrix_rank(a).item<long>());
    }

    [Fact]
    public void Norms_Matrix_EqualTheirDefinitions()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor m = tensor(new double[,] { { 3, -4 }, { 0, 12 } });

        Assert.Equal(13.0, linalg.norm(m).item<double>(), 12);
        Assert.Equal(13.0, linalg.matrix_norm(m).item<double>(), 12);
        Assert.Equal(12.0, linalg.matrix_norm(m, double.PositiveInfinity).item<double>(), 12);
        Assert.Equal(16.0, linalg.norm(m, 1).item<double>(), 12);
        Assert.Equal(13.0, linalg.vector_norm(m).item<double>(), 12);
        Assert.Equal(19.0, linalg.vector_norm(m, 1).item<double>(), 12);
        Assert.Equal([5.0, 12.0], linalg.vector_norm(m, dims: [1]).data<double>().ToArray());
        Assert.Equal(15.0, m.trace().item<double>());
    }

    [Fact]
    public void Vander_WithoutColumns_IsSquare()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor t = tensor(new[] { 2.0, 3.0, 5.0 });

        Assert.Equal([4.0, 2, 1, 9, 3, 1, 25, 5, 1], t.vander().data<double>().ToArray());
        Assert.Equal([1.0, 2, 4, 1, 3, 9, 1, 5, 25], vander(t, increasing: true).data<double>().ToArray());
        Assert.Equal([3, 2], t.vander(2).shape);
        Assert.Throws<InvalidOperationException>(() => zeros(2, 3).vander());
    }
}
