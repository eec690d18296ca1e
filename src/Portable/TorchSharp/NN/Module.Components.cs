using System.Collections.Concurrent;
using System.Reflection;
using TorchSharp.Modules;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public partial class Module
        {
            private static readonly ConcurrentDictionary<Type, (string Name, FieldInfo Field)[]> s_fields = new();
            private bool _areComponentsRegistered;

            /// <summary>Registers the module's fields: parameters, tensors (as persistent buffers) and modules. To be called at the end of a constructor.</summary>
            protected virtual void RegisterComponents()
            {
                if (_areComponentsRegistered) return;
                foreach (var (fieldName, field) in FieldsOf(GetType()))
                {
                    if (_internal_submodules.ContainsKey(fieldName) || _internal_params.ContainsKey(fieldName) || _internal_buffers.ContainsKey(fieldName))
                        continue;
                    switch (field.GetValue(this))
                    {
                        case Module module: register_module(fieldName, module); break;
                        case Parameter parameter: register_parameter(fieldName, parameter); break;
                        case Tensor tensor: register_buffer(fieldName, tensor); break;
                    }
                }
                _areComponentsRegistered = true;
            }

            // The most derived type's fields come first. Of two fields with one name, the more derived counts.
            private static (string Name, FieldInfo Field)[] FieldsOf(Type type) => s_fields.GetOrAdd(type, static t =>
            {
                var seen = new HashSet<string>();
                var list = new List<(string, FieldInfo)>();
                for (Type? current = t; current is not null && current != typeof(Module); current = current.BaseType)
                {
                    foreach (FieldInfo field in current.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic))
                        if (field.DeclaringType != typeof(Module) && seen.Add(field.Name)) list.Add((field.ComponentName(), field));
                }
                return [.. list];
            });

            public virtual void register_parameter(string name, Parameter param)
            {
                if (param is null || param.IsInvalid) throw new ArgumentNullException(nameof(param), "A null tensor cannot be registered as a parameter.");
                if (!_internal_params.ContainsKey(name)) _internal_params.Add(name, param);
                else throw new InvalidOperationException($"Parameter {name} is already registered.");
            }

            public virtual void register_buffer(string name, Tensor tensor, bool persistent = true)
            {
                if (tensor is null || tensor.IsInvalid) throw new ArgumentNullException(nameof(tensor), "A null tensor cannot be registered as a buffer.");
                if (!_internal_buffers.ContainsKey(name)) _internal_buffers.Add(name, (tensor, persistent));
                else throw new InvalidOperationException($"Tensor {name} is already registered.");
            }

            public void add_module(string name, Module module) => register_module(name, module);

            /// <summary>Adds a sub-module; null or a disposed one takes the name away.</summary>
            public virtual void register_module(string name, Module submodule)
            {
                if (submodule is null || submodule.IsDisposed)
                {
                    _internal_submodules.Remove(name);
                    return;
                }
                if (name.Contains('.')) throw new ArgumentException($"module name can't contain \".\", got: {name}");
                if (name.Length == 0) throw new ArgumentException("module name can't be empty string \"\"");
                if (_internal_submodules.ContainsKey(name)) throw new InvalidOperationException($"Sub-module {name} is already registered.");
                submodule.RegisterComponents();
                _internal_submodules.Add(name, submodule);
            }

            protected void ConditionallyRegisterParameter(string name, Tensor? value) => ConditionallyRegisterParameter(name, value as Parameter);

            /// <summary>Registers a parameter, replaces the one of that name, or takes it away where the value is null.</summary>
            protected void ConditionallyRegisterParameter(string name, Parameter? value)
            {
                if (value is null) _internal_params.Remove(name);
                else _internal_params[name] = value;
            }

            protected void ConditionallyRegisterBuffer(string name, Tensor? value, bool persistent = true)
            {
                if (value is null) _internal_buffers.Remove(name);
                else _internal_buffers[name] = (value, persistent);
            }

            protected static (Device device, ScalarType dtype) GetDefaultDeviceAndType(Device? device = null, ScalarType? dtype = null) =>
                (device ?? get_default_device(), dtype ?? get_default_dtype());

            protected void ClearModules() => _internal_submodules.clear();

            /// <summary>Lets a parameter take the place of another one in a field and in the registry. The former one is disposed.</summary>
            internal void Replace(string name, ref Parameter? field, Parameter? value)
            {
                if (ReferenceEquals(field, value)) return;
                if (field is { IsInvalid: false } && field.Handle != value?.Handle) field.Dispose();
                value?.DetachFromDisposeScope();
                field = value;
                ConditionallyRegisterParameter(name, value);
            }

            /// <summary>Lets a tensor take the place of another one in a field and among the buffers. The former one is disposed.</summary>
            internal void Replace(string name, ref Tensor? field, Tensor? value)
            {
                if (ReferenceEquals(field, value)) return;
                if (field is { IsInvalid: false } && field.Handle != value?.Handle) field.Dispose();
                value?.DetachFromDisposeScope();
                field = value;
                ConditionallyRegisterBuffer(name, value);
            }

            public virtual IEnumerable<(string name, Module module)> named_children() => _internal_submodules;

            public virtual IEnumerable<Module> children() => named_children().Select(nc => nc.module);

            /// <summary>All modules below this one: the children first, then what is below each.</summary>
            public virtual IEnumerable<(string name, Module module)> named_modules()
            {
                foreach (var child in _internal_submodules) yield return child;
                foreach (var (childName, child) in _internal_submodules)
                    foreach (var (n, m) in child.named_modules()) yield return ($"{childName}.{n}", m);
            }

            public virtual IEnumerable<Module> modules() => named_modules().Select(nm => nm.module);

            /// <summary>The parameters, each once, even where two modules share it.</summary>
            public virtual IEnumerable<(string name, Parameter parameter)> named_parameters(bool recurse = true)
            {
                var seen = new HashSet<nint> { 0 };   // disposed ones are left out
                foreach (var (n, p) in _internal_params)
                    if (seen.Add(p.handle)) yield return (n, p);
                if (!recurse) yield break;
                foreach (var (childName, child) in _internal_submodules)
                    foreach (var (n, p) in child.named_parameters(true))
                        if (seen.Add(p.handle)) yield return ($"{childName}.{n}", p);
            }

            public virtual IEnumerable<Parameter> parameters(bool recurse = true) => named_parameters(recurse).Select(np => np.parameter);

            /// <summary>The persistent buffers, each once.</summary>
            public virtual IEnumerable<(string name, Tensor buffer)> named_buffers(bool recurse = true, bool include_nonpersistent = true)
            {
                var seen = new HashSet<nint> { 0 };
                foreach (var (n, (b, persistent)) in _internal_buffers)
                    if (persistent && seen.Add(b.handle)) yield return (n, b);
                if (!recurse) yield break;
                foreach (var (childName, child) in _internal_submodules)
                    foreach (var (n, b) in child.named_buffers(true, include_nonpersistent))
                        if (seen.Add(b.handle)) yield return ($"{childName}.{n}", b);
            }

            public virtual IEnumerable<Tensor> buffers(bool recurse = true, bool include_nonpersistent = true) =>
                named_buffers(recurse, include_nonpersistent).Select(nb => nb.buffer);

            public virtual bool has_parameter(string target) =>
                _internal_params.ContainsKey(target) || ChildrenOf(target).Any(c => c.Child.has_parameter(c.Below));

            public virtual Parameter? get_parameter(string target) =>
                _internal_params.TryGetValue(target, out Parameter? p) ? p : ChildrenOf(target).Select(c => c.Child.get_parameter(c.Below)).FirstOrDefault(x => x is not null);

            public virtual bool has_buffer(string target) =>
                _internal_buffers.ContainsKey(target) || ChildrenOf(target).Any(c => c.Child.has_buffer(c.Below));

            public virtual Tensor? get_buffer(string target) =>
                _internal_buffers.TryGetValue(target, out var b) ? b.Item1 : ChildrenOf(target).Select(c => c.Child.get_buffer(c.Below)).FirstOrDefault(x => x is not null);

            private IEnumerable<(Module Child, string Below)> ChildrenOf(string target)
            {
                int dot = target.IndexOf('.');
                if (dot < 0) return [];
                string first = target[..dot], rest = target[(dot + 1)..];
                return named_children().Where(nc => nc.name == first).Select(nc => (nc.module, rest));
            }
        }
    }
}
