using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace TorchSharp.Utils;

/// <summary>A dictionary that keeps the order in which its keys were added.</summary>
public class OrderedDict<TKey, TValue> : IDictionary<TKey, TValue>, IList<(TKey, TValue)> where TKey : notnull
{
    private readonly List<(TKey, TValue)> _list = [];
    private readonly Dictionary<TKey, TValue> _dict = [];

    public int Count => _list.Count;

    public bool IsReadOnly => false;

    public ICollection<TKey> Keys => _list.ConvertAll(item => item.Item1);

    public ICollection<TValue> Values => _list.ConvertAll(item => item.Item2);

    public IEnumerable<TKey> keys() => Keys;

    public IEnumerable<TValue> values() => Values;

    public IEnumerator<(TKey, TValue)> items() => _list.GetEnumerator();

    public (TKey, TValue) this[int index]
    {
        get => _list[index];
        set
        {
            TKey former = _list[index].Item1;
            int other = IndexOfKey(value.Item1);
            if (other >= 0 && other != index) throw new ArgumentException($"The key '{value.Item1}' is already at place {other}.", nameof(value));
            _dict.Remove(former);
            _dict.Add(value.Item1, value.Item2);
            _list[index] = value;
        }
    }

    public TValue this[TKey key]
    {
        get => _dict[key];
        set
        {
            if (_dict.ContainsKey(key)) _list[IndexOfKey(key)] = (key, value);
            else _list.Add((key, value));
            _dict[key] = value;
        }
    }

    public void Add(TKey key, TValue value)
    {
        _dict.Add(key, value);
        _list.Add((key, value));
    }

    public void Add((TKey, TValue) item) => Add(item.Item1, item.Item2);

    public void Add(KeyValuePair<TKey, TValue> item) => Add(item.Key, item.Value);

    public void Insert(int index, (TKey, TValue) item)
    {
        if ((uint)index > (uint)_list.Count) throw new ArgumentOutOfRangeException(nameof(index), index, $"The place must be between 0 and {_list.Count}.");
        _dict.Add(item.Item1, item.Item2);
        _list.Insert(index, item);
    }

    public bool ContainsKey(TKey key) => _dict.ContainsKey(key);

    public bool Contains((TKey, TValue) item) => _list.Contains(item);

    public bool Contains(KeyValuePair<TKey, TValue> item) => Contains((item.Key, item.Value));

    public bool TryGetValue(TKey key, [MaybeNullWhen(false)] out TValue value) => _dict.TryGetValue(key, out value);

    public int IndexOf((TKey, TValue) item) => _list.IndexOf(item);

    public bool Remove(TKey key)
    {
        if (!_dict.Remove(key)) return false;
        _list.RemoveAt(IndexOfKey(key));
        return true;
    }

    public bool Remove((TKey, TValue) item) => Contains(item) && Remove(item.Item1);

    public bool Remove(KeyValuePair<TKey, TValue> item) => Remove((item.Key, item.Value));

    public void RemoveAt(int index)
    {
        if ((uint)index >= (uint)_list.Count) throw new IndexOutOfRangeException($"The place {index} is not among the {_list.Count} held.");
        _dict.Remove(_list[index].Item1);
        _list.RemoveAt(index);
    }

    public void clear() => Clear();

    public void Clear()
    {
        _list.Clear();
        _dict.Clear();
    }

    public void CopyTo((TKey, TValue)[] array, int arrayIndex) => _list.CopyTo(array, arrayIndex);

    public void CopyTo(KeyValuePair<TKey, TValue>[] array, int arrayIndex) => Pairs().CopyTo(array, arrayIndex);

    public IEnumerator<(TKey, TValue)> GetEnumerator() => _list.GetEnumerator();

    IEnumerator<KeyValuePair<TKey, TValue>> IEnumerable<KeyValuePair<TKey, TValue>>.GetEnumerator() => Pairs().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private List<KeyValuePair<TKey, TValue>> Pairs() => _list.ConvertAll(item => KeyValuePair.Create(item.Item1, item.Item2));

    private int IndexOfKey(TKey key) => _list.FindIndex(item => EqualityComparer<TKey>.Default.Equals(item.Item1, key));
}
