import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Forwards a port, and can be cut: connections end, and new ones are refused. */
export class Cable {
  private readonly sockets = new Set<Socket>();
  private isCut = false;

  private constructor(
    private readonly server: Server,
    private readonly target: number,
  ) {}

  public static async to(target: number): Promise<Cable> {
    const server = createServer();
    const cable = new Cable(server, target);
    server.on('connection', (socket) => cable.accept(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return cable;
  }

  public get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  public cut(): void {
    this.isCut = true;
    for (const socket of this.sockets) socket.destroy();
  }

  public mend(): void {
    this.isCut = false;
  }

  public async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private accept(socket: Socket): void {
    if (this.isCut) {
      socket.destroy();
      return;
    }
    const other = connect(this.target, '127.0.0.1');
    for (const [one, two] of [
      [socket, other],
      [other, socket],
    ] as const) {
      this.sockets.add(one);
      one.on('error', () => undefined);
      one.on('close', () => {
        this.sockets.delete(one);
        two.destroy();
      });
    }
    socket.pipe(other).pipe(socket);
  }
}
