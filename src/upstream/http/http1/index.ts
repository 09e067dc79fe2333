// HTTP/1.1 to an endpoint, over connections that somebody else makes.
export { Http1Pool, type Http1PoolOptions } from './pool.ts'
