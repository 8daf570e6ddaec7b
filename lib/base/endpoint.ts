/** One end of a TCP connection. */
export interface Endpoint {
  /** Text of an IPv4 or IPv6 address, without brackets. */
  readonly address: string;
  /** 0 to 65535. */
  readonly port: number;
}

/** Both ends of a TCP connection of this process, which identify it. */
export interface SocketPair {
  readonly local: Endpoint;
  readonly remote: Endpoint;
}
