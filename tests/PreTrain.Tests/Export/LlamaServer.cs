using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;

namespace PreTrain.Tests.Export;

/// <summary>llama.cpp's server over one file; the environment variable <c>PRETRAIN_LLAMA_CPP</c> names the folder with <c>llama-server</c>.</summary>
internal sealed class LlamaServer : IDisposable
{
    private const string Variable = "PRETRAIN_LLAMA_CPP";
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(2);

    private readonly Process _process;
    private readonly HttpClient _client;

    private LlamaServer(Process process, HttpClient client) => (_process, _client) = (process, client);

    /// <summary>Skips the test where there is no llama.cpp.</summary>
    public static string Folder()
    {
        string? folder = Environment.GetEnvironmentVariable(Variable);
        Assert.SkipWhen(folder is null, $"llama.cpp is not tried: {Variable} does not name the folder with llama-server.");
        return folder!;
    }

    /// <summary>Starts the server, and waits until the model is loaded.</summary>
    public static async Task<LlamaServer> Start(string model, int context)
    {
        string folder = Folder();
        int port;
        using (var listener = new TcpListener(IPAddress.Loopback, 0))
        {
            listener.Start();
            port = ((IPEndPoint)listener.LocalEndpoint).Port;
        }
        // Keys and values in 32 bits, and attention step by step, so that what differs is the weights' rounding.
        string[] arguments =
        [
            "--model", model, "--port", $"{port}", "--ctx-size", $"{context}", "--parallel", "1", "--cache-type-k", "f32", "--cache-type-v", "f32", "--flash-attn", "off", "--threads", "1", "--no-warmup",
        ];
        var process = Process.Start(new ProcessStartInfo(Path.Combine(folder, "llama-server"), arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        var log = new System.Text.StringBuilder();
        process.ErrorDataReceived += (_, line) => log.AppendLine(line.Data);
        process.OutputDataReceived += (_, line) => log.AppendLine(line.Data);
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = s_limit };
        for (var watch = Stopwatch.StartNew(); watch.Elapsed < s_limit; await Task.Delay(100, TestContext.Current.CancellationToken))
        {
            Assert.False(process.HasExited, $"llama-server ended:\n{log}");
            try
            {
                using HttpResponseMessage health = await client.GetAsync("/health", TestContext.Current.CancellationToken);
                if (health.IsSuccessStatusCode) return new LlamaServer(process, client);
            }
            catch (HttpRequestException)
            {
                // It does not listen yet.
            }
        }
        process.Kill(entireProcessTree: true);
        Assert.Fail($"llama-server did not load the model within {s_limit}:\n{log}");
        return null!;
    }

    /// <summary>The logarithms of the probabilities of the next token, by id.</summary>
    /// <param name="prompt">The tokens before it.</param>
    /// <param name="vocabSize">The number of tokens.</param>
    /// <param name="chosen">A token of whole characters, which is made to be written: the server gives no probabilities with a part of a character. They are those before the choice.</param>
    public async Task<double[]> LogProbabilities(int[] prompt, int vocabSize, int chosen)
    {
        JsonElement answer = await Post("/completion", new { prompt, n_predict = 1, n_probs = vocabSize, temperature = 0.0, cache_prompt = false, logit_bias = new[] { new[] { chosen, 1000 } } });
        double[] result = new double[vocabSize];
        foreach (JsonElement token in answer.GetProperty("completion_probabilities")[0].GetProperty("top_logprobs").EnumerateArray())
            result[token.GetProperty("id").GetInt32()] = token.GetProperty("logprob").GetDouble();
        Assert.DoesNotContain(0.0, result);
        return result;
    }

    /// <summary>The most probable tokens, one after another, the end of a text left out.</summary>
    public async Task<int[]> Continue(int[] prompt, int count) => Ids(await Post("/completion", new { prompt, n_predict = count, temperature = 0.0, return_tokens = true, cache_prompt = false, ignore_eos = true }));

    /// <summary>The ids of a text.</summary>
    public async Task<int[]> Tokenize(string content, bool addsSpecial = false) => Ids(await Post("/tokenize", new { content, add_special = addsSpecial }));

    public void Dispose()
    {
        _client.Dispose();
        _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }

    private static int[] Ids(JsonElement answer) => [.. answer.GetProperty("tokens").EnumerateArray().Select(id => id.GetInt32())];

    private async Task<JsonElement> Post(string path, object body)
    {
        using HttpResponseMessage response = await _client.PostAsJsonAsync(path, body, TestContext.Current.CancellationToken);
        string text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonDocument.Parse(text).RootElement;
    }
}
