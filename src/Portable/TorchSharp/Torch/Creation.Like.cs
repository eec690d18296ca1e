using TorchSharp.Interop;

namespace TorchSharp;

// Tensors whose element type and device are those of another one, unless they are given.
public static partial class torch
{
    private static readonly Operator s_zerosLike = new("zeros_like");
    private static readonly Operator s_onesLike = new("ones_like");
    private static readonly Operator s_emptyLike = new("empty_like");
    private static readonly Operator s_fullLike = new("full_like");
    private static readonly Operator s_randLike = new("rand_like");
    private static readonly Operator s_randnLike = new("randn_like");
    private static readonly Operator s_randintLike = new("randint_like", "low_dtype");

    public static Tensor empty_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        Finish(s_emptyLike.Call(input, dtype, Value.None, device is null ? Value.None : InitializeDevice(device)), requires_grad, names);

    public static Tensor full_like(Tensor input, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        Finish(s_fullLike.Call(input, value, dtype, Value.None, device is null ? Value.None : InitializeDevice(device)), requires_grad, names);

    public static Tensor ones_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        Finish(s_onesLike.Call(input, dtype, Value.None, device is null ? Value.None : InitializeDevice(device)), requires_grad, names);

    public static Tensor rand_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Finish(s_randLike.Call(input, dtype, Value.None, device is null ? Value.None : InitializeDevice(device)), requires_grad);

    public static Tensor randint_like(Tensor input, long low, long high, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Finish(s_randintLike.Call(input, low, high, dtype, Value.None, device is null ? Value.None : InitializeDevice(device)), requires_grad);

    public static Tensor randn_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Finish(s_randnLike.Call(input, dtype, Value.None, device is null ? Value.None : InitializeDevice(device)), requires_grad);

    public static Tensor zeros_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        Finish(s_zerosLike.Call(input, dtype, Value.None, device is null ? Value.None : InitializeDevice(device)), requires_grad, names);

    public partial class Tensor
    {
        public Tensor empty_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            torch.empty_like(this, dtype, device, requires_grad);

        public Tensor full_like(Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            torch.full_like(this, value, dtype, device, requires_grad);

        public Tensor new_empty(ReadOnlySpan<long> size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Empty(size.ToArray(), dtype ?? this.dtype, device ?? this.device, requires_grad, null);

        public Tensor new_empty(long dim0, long dim1, long dim2, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Empty([dim0, dim1, dim2], dtype ?? this.dtype, device ?? this.device, requires_grad, null);

        public Tensor new_empty(long dim0, long dim1, long dim2, long dim3, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Empty([dim0, dim1, dim2, dim3], dtype ?? this.dtype, device ?? this.device, requires_grad, null);

        public Tensor new_empty(long rows, long columns, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Empty([rows, columns], dtype ?? this.dtype, device ?? this.device, requires_grad, null);

        public Tensor new_empty(long size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Empty([size], dtype ?? this.dtype, device ?? this.device, requires_grad, null);

        public Tensor new_empty(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Empty(size, dtype ?? this.dtype, device ?? this.device, requires_grad, null);

        public Tensor new_full(ReadOnlySpan<long> size, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Full(size.ToArray(), value, dtype ?? this.dtype, device ?? this.device, requires_grad, null);

        public Tensor new_full(long dim0, long dim1, long dim2, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Full([dim0, dim1, dim2], value, dtype ?? this.dtype, device ?? this.device, requires_grad, null);

        public Tensor new_full(long dim0, long dim1, long dim2, long dim3, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Full([dim0, dim1, dim2, dim3], value, dtype ?? this.dtype, device ?? this.device, requires_grad, null);

        public Tensor new_full(long rows, long columns, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Full([rows, columns], value, dtype ?? this.dtype, device ?? this.device, requires_grad, null);

        public Tensor new_full(long size, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Full([size], value, dtype ?? this.dtype, device ?? this.device, requires_grad, null);

        public Tensor new_full(long[] size, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Full(size, value, dtype ?? this.dtype, device ?? this.device, requires_grad, null);

        public Tensor new_ones(long dim0, long dim1, long dim2, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Ones([dim0, dim1, dim2], dtype ?? this.dtype, device ?? this.device, requires_grad, null);

        public Tensor new_ones(long dim0, long dim1, long dim2, long dim3, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Ones([dim0, dim1, dim2, dim3], dtype ?? this.dtype, device ?? this.device, requires_grad, null);

        public Tensor new_ones(long rows, long columns, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Ones([rows, columns], dtype ?? this.dtype, device ?? this.device, requires_grad, null);

        public Tensor new_ones(long size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Ones([size], dtype ?? this.dtype, device ?? this.device, requires_grad, null);

        public Tensor new_zeros(ReadOnlySpan<long> size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Zeros(size.ToArray(), dtype ?? this.dtype, device ?? this.device, requires_grad, null);

        public Tensor new_zeros(long dim0, long dim1, long dim2, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Zeros([dim0, dim1, dim2], dtype ?? this.dtype, device ?? this.device, requires_grad, null);

        public Tensor new_zeros(long dim0, long dim1, long dim2, long dim3, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Zeros([dim0, dim1, dim2, dim3], dtype ?? this.dtype, device ?? this.device, requires_grad, null);

        public Tensor new_zeros(long rows, long columns, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Zeros([rows, columns], dtype ?? this.dtype, device ?? this.device, requires_grad, null);

        public Tensor new_zeros(long size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Zeros([size], dtype ?? this.dtype, device ?? this.device, requires_grad, null);

        public Tensor new_zeros(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Zeros(size, dtype ?? this.dtype, device ?? this.device, requires_grad, null);

        public Tensor ones_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            torch.ones_like(this, dtype, device, requires_grad);

        public Tensor rand_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            torch.rand_like(this, dtype, device, requires_grad);

        public Tensor randint_like(long low, long high, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            torch.randint_like(this, low, high, dtype, device, requires_grad);

        public Tensor randn_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            torch.randn_like(this, dtype, device, requires_grad);

        public Tensor zeros_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            torch.zeros_like(this, dtype, device, requires_grad);
    }
}
