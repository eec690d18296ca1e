using System.Reflection;
using TorchSharp.Modules;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public partial class Module
        {
            protected internal virtual Module _to(Device device, ScalarType dtype, bool non_blocking)
            {
                CheckTarget(dtype);
                InitializeDeviceType(device.type);
                _toEpilog(device, dtype, non_blocking);
                return this;
            }

            protected internal virtual Module _to(DeviceType deviceType, int deviceIndex, bool non_blocking)
            {
                InitializeDeviceType(deviceType);
                _toEpilog(deviceType, deviceType == DeviceType.CUDA ? deviceIndex : -1, non_blocking);
                return this;
            }

            protected internal virtual Module _to(ScalarType dtype, bool non_blocking)
            {
                CheckTarget(dtype);
                _toEpilog(dtype, non_blocking);
                return this;
            }

            public Module _to(Tensor other, bool non_blocking)
            {
                _to(other.dtype, non_blocking);
                return _to(other.device_type, other.device_index, non_blocking);
            }

            protected void _toEpilog(ScalarType dtype, bool non_blocking) => _toEpilog(dtype, null, non_blocking);

            protected void _toEpilog(Device device, ScalarType dtype, bool non_blocking) => _toEpilog(dtype, device, non_blocking);

            protected void _toEpilog(DeviceType deviceType, int deviceIndex, bool non_blocking) => _toEpilog(null, new Device(deviceType, deviceIndex), non_blocking);

            /// <summary>
            /// Converts the sub-modules, then this module's own tensors. Where one changes, a new object takes its place in the registry and in its
            /// field (or goes through the property of its name), and the former one is disposed.
            /// </summary>
            protected virtual void _toEpilog(ScalarType? dtype, Device? device, bool non_blocking)
            {
                if (dtype is null && device is null) throw new ArgumentNullException(nameof(dtype), "dtype and device are both null");

                foreach (var (_, m) in named_children())
                {
                    if (device is null) m._to(dtype!.Value, non_blocking);
                    else if (dtype is null) m._to(device.type, device.index, non_blocking);
                    else m._to(device, dtype.Value, non_blocking);
                }

                foreach (var (n, parameter) in named_parameters(false).ToList())
                {
                    if (!ReplaceParameter(dtype, device, parameter, out Parameter? p)) continue;
                    if (!SetProperty(n, p!))
                    {
                        ConditionallyRegisterParameter(n, p);
                        SetField(n, p!);
                    }
                    parameter.Dispose();
                }
                foreach (var (n, buffer) in named_buffers(false).ToList())
                {
                    if (!ReplaceBuffer(dtype, device, buffer, out Tensor? t)) continue;
                    if (SetProperty(n, t!)) continue;
                    ConditionallyRegisterBuffer(n, t);
                    SetField(n, t!);
                }

                if (device is null) return;
                _deviceType = device.type;
                _deviceIndex = device.index;
            }

            private bool SetProperty(string n, Tensor value)
            {
                PropertyInfo? property = GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance)
                    .FirstOrDefault(p => p.Name == n && p.CanWrite && p.GetIndexParameters().Length == 0 && p.PropertyType.IsInstanceOfType(value));
                property?.SetValue(this, value);
                return property is not null;
            }

            private void SetField(string n, Tensor value)
            {
                foreach (var (fieldName, field) in FieldsOf(GetType()))
                {
                    if (fieldName != n) continue;
                    field.SetValue(this, value);
                    return;
                }
            }

            protected static bool ReplaceBuffer(ScalarType? dtype, Device? device, Tensor buffer, out Tensor? result)
            {
                ScalarType type = TargetType(buffer, dtype);
                result = null;
                if (!WillCopy(buffer, type, device)) return false;
                result = Kernels.To(buffer, type, device ?? buffer.device).DetachFromDisposeScope();
                buffer.Dispose();
                return true;
            }

            /// <summary>Converts a parameter and its gradient to a new leaf, unless both are already as wanted.</summary>
            protected static bool ReplaceParameter(ScalarType? dtype, Device? device, Parameter param, out Parameter? p)
            {
                using Tensor? grad = param.grad;
                ScalarType type = TargetType(param, dtype);
                p = null;
                if (!WillCopy(param, type, device) && (grad is null || !WillCopy(grad, type, device))) return false;

                using IDisposable noGrad = no_grad();
                p = new Parameter(Kernels.To(param, type, device ?? param.device), param.requires_grad);
                p.DetachFromDisposeScope();
                if (grad is not null)
                {
                    using Tensor moved = Kernels.To(grad, type, device ?? param.device);
                    p.grad = moved;
                }
                return true;
            }

            private static ScalarType TargetType(Tensor t, ScalarType? wanted) => wanted is { } type && IsReal(t.dtype) ? type : t.dtype;

            private static bool WillCopy(Tensor t, ScalarType type, Device? device) =>
                t.dtype != type || (device is not null && (t.device_type != device.type || (device.index >= 0 && t.device_type == DeviceType.CUDA && t.device_index != device.index)));

            private static bool IsReal(ScalarType type) => type is ScalarType.Float16 or ScalarType.BFloat16 or ScalarType.Float32 or ScalarType.Float64
                or ScalarType.ComplexFloat32 or ScalarType.ComplexFloat64;

            private static void CheckTarget(ScalarType dtype)
            {
                if (!IsReal(dtype)) throw new ArgumentException($"nn.Module.to only accepts floating point or complex types, but got desired dtype={dtype}");
            }
        }
    }
}
