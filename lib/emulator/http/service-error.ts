/** An error in a service's reply: AWS's error code, the HTTP status and one message. */
export class ServiceError extends Error {
  public constructor(
    public readonly code: string,
    message: string,
    public readonly statusCode: number = 400,
    /** Further members of the error's body, such as `OriginalStatusCode`. */
    public readonly details: { readonly [member: string]: unknown } = {},
  ) {
    super(message);
    this.name = 'ServiceError';
  }
}

export const validationError = (message: string): ServiceError => new ServiceError('ValidationException', message);
