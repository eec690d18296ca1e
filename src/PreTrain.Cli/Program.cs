using PreTrain.Cli;
using PreTrain.Cli.Hosting;

using var interruption = new Interruption();
return Tool.Run(args, Console.Out, Console.Error, interruption.Token, interruption.Heed);
