using static TorchSharp.torch;

namespace TorchSharp.Tests.Torch;

/// <summary>Settings of the whole process; nothing else runs beside these.</summary>
[CollectionDefinition(nameof(SettingsTests), DisableParallelization = true)]
[Collection(nameof(SettingsTests))]
public sealed class SettingsTests
{
    [Fact]
    public void DefaultType_Set_IsThatOfNewTensors()
    {
        try
        {
            set_default_dtype(ScalarType.Float64);

            Assert.Equal(ScalarType.Float64, zeros(2).dtype);
            Assert.Equal(ScalarType.Float64, arange(0.0, 1, 0.5).dtype);
            Assert.Equal(ScalarType.Int64, arange(3).dtype);
            Assert.Equal(64, finfo().bits);
        }
        finally
        {
            set_default_dtype(ScalarType.Float32);
        }
    }

    [Fact]
    public void DefaultDevice_Set_IsThatOfNewTensors()
    {
        try
        {
            set_default_device("meta");

            Assert.True(zeros(2).is_meta);
            Assert.True(tensor(new[] { 1, 2 }).is_meta);
        }
        finally
        {
            set_default_device(CPU);
        }
        Assert.True(zeros(2).is_cpu());
    }

    [Fact]
    public void Threads_Set_AreRead()
    {
        int before = get_num_threads();
        try
        {
            set_num_threads(3);
            Assert.Equal(3, get_num_threads());
        }
        finally
        {
            set_num_threads(before);
        }
        Assert.True(get_num_interop_threads() > 0);
    }

    [Fact]
    public void Threads_None_AreRefused()
    {
        Package.Skip("libtorch's exception ends the process");

        Assert.ThrowsAny<Exception>(() => set_num_threads(0));
    }

    [Fact]
    public void TensorCores_Allowed_IsRead()
    {
        bool products = backends.cuda.matmul.allow_tf32, convolutions = backends.cudnn.allow_tf32;
        try
        {
            backends.cuda.matmul.allow_tf32 = !products;
            backends.cudnn.allow_tf32 = !convolutions;

            Assert.Equal(!products, backends.cuda.matmul.allow_tf32);
            Assert.Equal(!convolutions, backends.cudnn.allow_tf32);
        }
        finally
        {
            backends.cuda.matmul.allow_tf32 = products;
            backends.cudnn.allow_tf32 = convolutions;
        }
    }

    [Fact]
    public void PrintOptions_Set_AreUsed()
    {
        using Tensor t = tensor(new[] { 1.23456f, 2f, 3f, 4f, 5f });
        try
        {
            set_printoptions(2, maxColumns: 4);
            Assert.Equal("[1.23, 2.00, ... 4.00, 5.00]", t.npstr(fltFormat: null));
            torch.TensorStringStyle = numpy;
            Assert.Equal("[1.23, 2.00, ... 4.00, 5.00]", t.str());
            Assert.Throws<ArgumentException>(() => torch.TensorStringStyle = TensorStringStyle.Default);
        }
        finally
        {
            set_printoptions(julia, "g5", 100, Environment.NewLine, 6, 6);
        }
    }

    [Fact]
    public void Version_IsLibtorchs() => Assert.Matches(@"^\d+\.\d+\.\d+", __version__);

    [Fact]
    public void Devices_WithoutThem_AreAnsweredNotThrown()
    {
        _ = cuda_is_available();
        _ = cuda.device_count();
        _ = cuda.is_cudnn_available();
        cuda.manual_seed_all(5);

        Assert.False(mps_is_available());
        Assert.True(TryInitializeDeviceType(DeviceType.CPU));
    }
}
